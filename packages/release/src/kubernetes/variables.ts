import { audienceOf, type Environment, type LoadedConfig, secretPartsOf } from '@drydock/kit';
import type { IEnvVar } from 'kubernetes-models/v1';

const DEFAULT_PORTS: Record<string, number> = {
  postgres: 5_432,
  postgresql: 5_432,
  redis: 6_379,
  rediss: 6_379,
  http: 80,
  ws: 80,
};
const HTTPS = 443;
const THIS_MACHINE = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\]|0\.0\.0\.0)$/;

/** How the product's variables reach its pods. */
export interface PodVariables {
  env: IEnvVar[];
  /** Those that the Secret must hold. */
  secret: string[];
  /** Those that lead to this machine, which is another one in a pod. */
  here: string[];
}

/**
 * The product's declared variables: what is no secret stands in the manifest, so that a change of it is a rollout and goes back with
 * one; all others come from the Secret, by name. Operators' variables are not among them.
 */
export function podVariables(
  config: LoadedConfig,
  environment: Environment,
  { own, secretName }: { own: Readonly<Record<string, string>>; secretName: string },
): PodVariables {
  const audience = audienceOf(config);
  const found: PodVariables = {
    env: [
      { name: 'DRYDOCK_ENV', value: environment.name },
      ...Object.entries(own).map(([name, value]) => ({ name, value })),
    ],
    secret: [],
    here: [],
  };
  for (const [name, { secret, required }] of Object.entries(config.variables)) {
    if (audience(name) !== 'product' || name in own) continue;
    const value = environment.get(name);
    if (value && leadsHere(value)) found.here.push(name);
    if (value && !secret && [...secretPartsOf(value)].length === 0) {
      found.env.push({ name, value });
      continue;
    }
    const optional = !required.includes(environment.name);
    // Not set here and not needed there: the Secret may have it all the same.
    found.env.push({
      name,
      valueFrom: { secretKeyRef: { name: secretName, key: name, ...(optional ? { optional } : {}) } },
    });
    if (value || !optional) found.secret.push(name);
  }
  return found;
}

/** TCP ports of the addresses in these variables, and that of HTTPS. */
export function portsOf(config: LoadedConfig, environment: Environment, variables: readonly string[]): number[] {
  const ports = variables.flatMap((name) => {
    const value = environment.get(name);
    if (value) return addressesIn(value).flatMap(portOf);
    return DEFAULT_PORTS[config.variables[name]?.kind ?? ''] ?? [];
  });
  return [...new Set([HTTPS, ...ports])].sort((a, b) => a - b);
}

function portOf({ port, protocol }: URL): number | [] {
  if (port) return Number(port);
  const scheme = protocol.slice(0, -1);
  return DEFAULT_PORTS[scheme] ?? (/^(https|wss)$/.test(scheme) ? HTTPS : []);
}

function leadsHere(value: string): boolean {
  return addressesIn(value).some(({ hostname }) => THIS_MACHINE.test(hostname));
}

function addressesIn(value: string): URL[] {
  return value
    .split(',')
    .map((text) => text.trim())
    .filter((text) => text.includes('://') && URL.canParse(text))
    .map((text) => new URL(text));
}
