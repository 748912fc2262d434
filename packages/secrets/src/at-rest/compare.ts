import { parseEnv } from '@drydock/kit';

/** Names of the variables in which two env files differ. */
export function differing(a: string, b: string): string[] {
  const [one, other] = [parseEnv(a), parseEnv(b)];
  return Object.keys({ ...one, ...other }).filter((name) => one[name] !== other[name]);
}
