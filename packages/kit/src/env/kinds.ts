import type { VariableKind } from '../config/schema.ts';
import { DatabaseUrl } from '../database-url.ts';
import { OpsError } from '../errors.ts';
import { Secret } from '../secret.ts';

/** Why a value is not of its kind, as the end of "NAME …"; undefined if it is. */
export function problemOf(kind: VariableKind, value: string): string | undefined {
  if (KINDS[kind](value)) return undefined;
  if (kind !== 'text' && QUOTED.test(value)) return 'stands in quotes that are part of the value';
  if (kind !== 'text' && /^['"`]/.test(value)) return 'begins with a quote that is never closed';
  const barePercent = kind === 'postgres' && /%(?![0-9a-f]{2})/i.test(value);
  if (barePercent) return 'has a % that stands for itself, which is written %25 in a URL';
  const bad = kind === 'url' ? value.split(',').findIndex((one) => !KINDS.url(one)) : 0;
  return bad > 0 ? `${EXPECTED[kind]}, and number ${bad + 1} is not` : EXPECTED[kind];
}

/** Kept by what takes a line for a value as it is: docker's --env-file, `kubectl create secret --from-env-file`, a second pair inside of the first. */
const QUOTED = /^(['"`“”‘’]).*(['"`“”‘’])$/s;

const url = (value: string, ...protocols: string[]) => {
  const parsed = URL.parse(value);
  return parsed !== null && (protocols.length === 0 || protocols.includes(parsed.protocol));
};

/** The parser's own word on it; and libpq and Prisma take no `%` that stands for itself. */
function isDatabaseUrl(value: string): boolean {
  try {
    return (
      /^postgres(ql)?:\/\//.test(value) &&
      decodeURIComponent(value) !== '' &&
      new DatabaseUrl(new Secret(value)) !== null
    );
  } catch (error) {
    // What it names and is not there is said by whoever connects.
    return error instanceof OpsError;
  }
}

const KINDS: Record<VariableKind, (value: string) => boolean> = {
  text: () => true,
  url: (value) => value.split(',').every((one) => url(one.trim(), 'http:', 'https:', 'ws:', 'wss:')),
  postgres: isDatabaseUrl,
  redis: (value) => url(value, 'redis:', 'rediss:'),
  integer: (value) => /^-?\d+$/.test(value),
  number: (value) => value.trim() !== '' && Number.isFinite(Number(value)),
  boolean: (value) => ['true', 'false', '1', '0'].includes(value),
  hex: (value) => /^0x([0-9a-f]{2})+$/i.test(value),
  address: (value) => /^0x[0-9a-f]{40}$/i.test(value),
  list: () => true,
};

const EXPECTED: Record<VariableKind, string> = {
  text: 'must be text',
  url: 'must be an http(s) or ws(s) URL',
  postgres: 'must be a postgresql:// URL',
  redis: 'must be a redis:// or rediss:// URL',
  integer: 'must be a whole number',
  number: 'must be a number',
  boolean: 'must be true or false',
  hex: 'must be hexadecimal with 0x in front',
  address: 'must be an address: 0x and 40 hexadecimal digits',
  list: 'must be a list separated by commas',
};
