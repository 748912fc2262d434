import { Secret } from '@drydock/kit';

/** Variables of an environment and what each is to be; null: not set any more. */
export type Values = Readonly<Record<string, Secret | null>>;

/** By which two values are told apart, in records and on screens; null: not set. */
export type Fingerprints = Readonly<Record<string, string | null>>;

export function fingerprintsOf(values: Values): Fingerprints {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, value?.fingerprint() ?? null]));
}

export function sameValues(a: Fingerprints, b: Fingerprints): boolean {
  return Object.keys({ ...a, ...b }).every((name) => (a[name] ?? null) === (b[name] ?? null));
}

/** Of variables as a process has them: an empty one is not set. */
export function fingerprintsIn(env: Readonly<Record<string, string>>, variables: readonly string[]): Fingerprints {
  return fingerprintsOf(
    Object.fromEntries(variables.map((name) => [name, env[name] ? new Secret(env[name], name) : null])),
  );
}
