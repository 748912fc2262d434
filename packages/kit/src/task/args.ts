import { parseArgs } from 'node:util';
import { closest } from '../closest.ts';
import { usageError } from '../errors.ts';
import { command, type Hint, hint } from '../hint.ts';
import { type FlagSpec, type FlagSpecs, flag } from './flags.ts';
import type { AnyTask } from './types.ts';

/** Flags that every task knows; those of change tasks and those about one environment come on top. */
export interface CommonValues {
  help: boolean;
  json: boolean;
  config: string | undefined;
  /** As it was typed: the config tells which one is meant. */
  env: string | undefined;
  plan: boolean;
  yes: boolean;
  /** Names of guarded environments. */
  confirm: string[];
  /** `latest`, `any` (begins where none is unfinished), or a run's id. */
  resume: string | undefined;
  reason: string | undefined;
  /** How long to wait for a lock that another operator holds, in ms. */
  lockWait: number | undefined;
}

export interface ParsedArgs {
  common: CommonValues;
  own: Record<string, unknown>;
  /** Beside the flags; none unless the task takes them. */
  words: string[];
}

const EVERY: FlagSpecs = {
  json: flag.boolean({ about: 'print one JSON object on stdout, everything else on stderr' }),
  config: flag.text({ value: 'FILE', about: 'use this drydock.config.ts instead of the nearest one upward' }),
  help: flag.boolean({ about: 'show this help' }),
};
const STREAM: FlagSpecs = {
  json: flag.boolean({ about: 'print one JSON object a line on stdout, as they come; everything else on stderr' }),
};
/** Of a value that is refused. */
const LONGEST_QUOTE = 80;

const ENVIRONMENT: FlagSpecs = {
  env: flag.environment({ about: 'environment to work on (default: the first of the config)' }),
};
const CHANGE: FlagSpecs = {
  plan: flag.boolean({ about: 'print what would happen, change nothing' }),
  yes: flag.boolean({ about: 'ask no question (a guarded environment also needs --confirm)' }),
  confirm: flag.texts({ value: 'NAME', about: 'name of each guarded environment, instead of typing it' }),
  resume: flag.text({ value: '[RUN|any]', about: 'go on with the last unfinished run, or RUN; any: else begin one' }),
  lockWait: flag.duration({ about: 'wait so long for a lock that another holds (default: refuse at once)' }),
  reason: flag.sentence({ about: 'kept in the audit event; required where the environment is guarded' }),
};

/** Does the command line ask for a run that is there already, and for nothing else? */
export function asksToResume({ resume }: Pick<CommonValues, 'resume'>): boolean {
  return resume !== undefined && resume !== 'any';
}

/** Every flag the task accepts, its own first. */
export function flagsOf(task: AnyTask): FlagSpecs {
  return {
    ...(task.flags ?? {}),
    ...(task.perEnvironment === false ? {} : ENVIRONMENT),
    ...(task.kind === 'change' ? CHANGE : {}),
    ...EVERY,
    ...(task.kind === 'read' && task.streams ? STREAM : {}),
  };
}

/** `failOn` → `fail-on` */
export function kebab(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** Parses the command line of a task. Unknown flags, missing values and bad values are usage errors (exit 2). */
export function parseTaskArgs(task: AnyTask, argv: string[]): ParsedArgs {
  const specs = flagsOf(task);
  const help = hint`See the flags: ${command(task.name, { help: true })}`;
  // pnpm hands on the `--` that npm wants.
  const given = argv[0] === '--' ? argv.slice(1) : argv;
  const { values: raw, words } = parseRaw(specs, {
    argv: specs.resume?.type === 'string' ? nameBareResume(given) : given,
    words: task.words !== undefined,
    help,
  });
  const values: Record<string, unknown> = {};
  for (const [key, spec] of Object.entries(specs))
    values[key] = readValue(key, spec, raw[kebab(key)], raw.help === true, help);
  const own: Record<string, unknown> = {};
  for (const key of Object.keys(task.flags ?? {})) own[key] = values[key];
  return { common: { confirm: [], ...values } as unknown as CommonValues, own, words };
}

type RawValues = Record<string, string | boolean | (string | boolean)[] | undefined>;

function parseRaw(
  specs: FlagSpecs,
  { argv, words, help }: { argv: string[]; words: boolean; help: Hint },
): { values: RawValues; words: string[] } {
  const options = Object.fromEntries(
    Object.entries(specs).map(
      ([key, spec]) =>
        [kebab(key), { type: spec.type, multiple: true, ...(key === 'help' ? { short: 'h' } : {}) }] as const,
    ),
  );
  try {
    const { values, positionals } = parseArgs({ args: argv, options, strict: true, allowPositionals: words });
    return { values: flatten(values as RawValues, specs), words: positionals };
  } catch (cause) {
    throw usageError('USAGE', `${firstSentence(cause)}${didYouMean(cause, Object.keys(options))}`, help);
  }
}

function didYouMean(cause: unknown, names: string[]): string {
  const [, unknown] = /^Unknown option '--([^']+)'/.exec((cause as Error).message) ?? [];
  const meant = unknown && closest(unknown, names);
  return meant ? ` Did you mean --${meant}?` : '';
}

/** A flag given twice is a mistake unless it may be repeated: the last one must not silently win. */
function flatten(values: RawValues, specs: FlagSpecs): RawValues {
  const flat: RawValues = {};
  for (const [key, spec] of Object.entries(specs)) {
    const given = values[kebab(key)];
    if (!Array.isArray(given)) continue;
    if (given.length > 1 && !spec.multiple && spec.type === 'string')
      throw new Error(`--${kebab(key)} is given twice.`);
    flat[kebab(key)] = spec.multiple ? given : given[0];
  }
  return flat;
}

function firstSentence(cause: unknown): string {
  const message = cause instanceof Error ? cause.message : String(cause);
  // Node explains how to pass positionals that start with a dash; the first sentence says it all.
  return message.split('. To specify')[0]?.replace(/\.?$/, '.') ?? message;
}

// biome-ignore lint/suspicious/noExplicitAny: flags of every value type are read alike.
function readValue(key: string, spec: FlagSpec<any>, raw: RawValues[string], helping: boolean, help: Hint): unknown {
  if (raw === undefined) {
    if (spec.required && !helping) throw usageError('USAGE', `--${kebab(key)} is required.`, help);
    return spec.fallback;
  }
  try {
    if (Array.isArray(raw)) return raw.map((one) => spec.parse(String(one)));
    return typeof raw === 'boolean' ? raw : spec.parse(raw);
  } catch (cause) {
    const meant = spec.value?.includes('|') ? closest(String(raw), spec.value.split('|')) : undefined;
    const question = meant ? ` Did you mean ${meant}?` : '';
    throw usageError(
      'USAGE',
      `--${kebab(key)} ${(cause as Error).message}, not "${quoted(String(raw))}".${question}`,
      help,
    );
  }
}

function quoted(raw: string): string {
  return raw.length > LONGEST_QUOTE ? `${raw.slice(0, LONGEST_QUOTE)}…` : raw;
}

/** `--resume` alone means the latest run; node's parser knows no optional values. */
function nameBareResume(argv: string[]): string[] {
  return argv.map((arg, index) => {
    const next = argv[index + 1];
    return arg === '--resume' && (next === undefined || next.startsWith('-')) ? '--resume=latest' : arg;
  });
}
