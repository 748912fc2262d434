import { visible } from '../output/visible.ts';

export const LONGEST_SENTENCE = 2_000;

/** One flag of a task: how it looks in `--help`, and how its text becomes a value. */
export interface FlagSpec<T> {
  type: 'string' | 'boolean';
  /** Shown in `--help` in place of the value: `NAME`, `N`, `DURATION`. */
  value?: string;
  about: string;
  multiple?: boolean;
  required?: boolean;
  fallback: T;
  /** Names an environment, which only the config can tell: read once that is loaded. */
  environment?: true;
  /** Throws an Error whose message completes "--flag: …". */
  parse(raw: string): unknown;
}

// biome-ignore lint/suspicious/noExplicitAny: the record holds flags of different value types.
export type FlagSpecs = Record<string, FlagSpec<any>>;
export type FlagValues<F extends FlagSpecs> = { [K in keyof F]: F[K] extends FlagSpec<infer T> ? T : never };

interface Common {
  about: string;
}

/** Builders. Keys of a task's `flags` are camelCase; on the command line they are kebab-case (`failOn` → `--fail-on`). */
export const flag = {
  boolean: ({ about }: Common): FlagSpec<boolean> => ({ type: 'boolean', about, fallback: false, parse: Boolean }),

  text: ({ about, value = 'TEXT' }: Common & { value?: string }): FlagSpec<string | undefined> => ({
    type: 'string',
    value,
    about,
    fallback: undefined,
    parse: nonEmpty,
  }),

  /** Words of a person, kept and shown elsewhere: of a length that can be read, and on one line. */
  sentence: ({ about, value = 'TEXT' }: Common & { value?: string }): FlagSpec<string | undefined> => ({
    type: 'string',
    value,
    about,
    fallback: undefined,
    parse(raw) {
      if (raw.length > LONGEST_SENTENCE)
        throw new Error(`must be at most ${LONGEST_SENTENCE} characters (it has ${raw.length})`);
      return visible(nonEmpty(raw).trim());
    },
  }),

  /** May be given several times. */
  texts: ({ about, value = 'TEXT' }: Common & { value?: string }): FlagSpec<string[]> => ({
    type: 'string',
    value,
    about,
    multiple: true,
    fallback: [],
    parse: nonEmpty,
  }),

  integer: ({
    about,
    min = 0,
    max = Number.MAX_SAFE_INTEGER,
  }: Common & { min?: number; max?: number }): FlagSpec<number | undefined> => ({
    type: 'string',
    value: 'N',
    about,
    fallback: undefined,
    parse(raw) {
      const n = Number(raw);
      if (!/^\d+$/.test(raw) || n < min || n > max) throw new Error(`must be a whole number from ${min} to ${max}`);
      return n;
    },
  }),

  /** Milliseconds, written `500ms`, `30s`, `15m`, `24h`, `30d`. */
  duration: ({ about }: Common): FlagSpec<number | undefined> => ({
    type: 'string',
    value: 'DURATION',
    about,
    fallback: undefined,
    parse: parseDuration,
  }),

  /** An environment of the config, by its name or what begins it alone. */
  environment: ({ about }: Common): FlagSpec<string | undefined> => ({
    type: 'string',
    value: 'NAME',
    about,
    environment: true,
    fallback: undefined,
    parse: nonEmpty,
  }),

  choice: <const C extends readonly string[]>(
    choices: C,
    { about, fallback }: Common & { fallback?: C[number] },
  ): FlagSpec<C[number] | undefined> => ({
    type: 'string',
    value: choices.join('|'),
    about,
    fallback,
    parse(raw) {
      if (!choices.includes(raw)) throw new Error(`must be one of ${choices.join(', ')}`);
      return raw;
    },
  }),
};

const UNITS: Record<string, number> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** `90s` → 90000. */
export function parseDuration(raw: string): number {
  const [, amount, unit] = /^(\d+)(ms|s|m|h|d)$/.exec(raw) ?? [];
  if (amount === undefined || unit === undefined)
    throw new Error('must be a duration such as 500ms, 30s, 15m, 24h or 30d');
  return Number(amount) * (UNITS[unit] ?? 0);
}

function nonEmpty(raw: string): string {
  if (raw.trim() === '') throw new Error('must not be empty');
  // As hints write what only the reader knows.
  if (raw.trim() === '…') throw new Error('must be said');
  return raw;
}
