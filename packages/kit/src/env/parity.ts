import { environmentSettings, type Parity } from '../config/environments.ts';
import type { LoadedConfig } from '../config/load.ts';
import type { Environment } from './types.ts';

/** One row of the runbook's parity table (section 1), checked. */
export interface ParityRow {
  concern: string;
  /** Variable that decides it. */
  variable: string;
  expected: string;
  actual: string;
  source: string;
  ok: boolean;
  hint?: string;
}

/** `schemaMode` of an environment is set by PRISMA_SCHEMA_MODE; unset, NODE_ENV decides as Prisma's own guide does. */
const SCHEMA_MODE = 'PRISMA_SCHEMA_MODE';
const DSN = /^https?:\/\/[0-9a-z]+@[^/]+\/(.+\/)?\d+$/i;

/** The rows of what the product has, or the config asks for: one without Redis has no row about it. */
export function checkParity(config: LoadedConfig, environment: Environment): ParityRow[] {
  const { parity, asked } = environmentSettings(config, environment.name);
  const has = (name: string) => environment.has(name) || config.variables[name] !== undefined;
  const rows = [
    ...(asked.includes('nodeEnv') || has('NODE_ENV') ? [nodeEnv(parity.nodeEnv, environment)] : []),
    ...(asked.includes('schema') || has('NODE_ENV') || has(SCHEMA_MODE)
      ? [schemaMode(parity.schema, environment)]
      : []),
    ...(asked.includes('features') || config.features.all.length > 0
      ? [features(parity.features, config, environment)]
      : []),
    ...(asked.includes('sentry') || has('SENTRY_DSN') ? [sentry(parity, environment)] : []),
    ...(asked.includes('redis') || has('REDIS_URL') ? [redis(parity.redis, environment)] : []),
  ];
  return rows.map((row) => ({ ...row, source: describeSource(config, environment, row.variable) }));
}

type Row = Omit<ParityRow, 'source'>;

function nodeEnv(expected: string, environment: Environment): Row {
  const actual = environment.get('NODE_ENV') ?? 'not set';
  return {
    concern: 'NODE_ENV',
    variable: 'NODE_ENV',
    expected,
    actual,
    ok: actual === expected,
    hint: `Set NODE_ENV='${expected}'.`,
  };
}

function schemaMode(mode: 'dev' | 'deploy', environment: Environment): Row {
  const set = environment.get(SCHEMA_MODE);
  const actual = set ?? (environment.get('NODE_ENV') === 'production' ? 'deploy' : 'dev');
  return {
    concern: 'DB schema',
    variable: set ? SCHEMA_MODE : 'NODE_ENV',
    expected: mode === 'dev' ? 'migrate dev' : 'migrate deploy',
    actual: `migrate ${actual}`,
    ok: actual === mode,
    hint: `Set ${SCHEMA_MODE}='${mode}'.`,
  };
}

function features(rule: 'all' | 'subset' | 'minimal', config: LoadedConfig, environment: Environment): Row {
  const { variable, all, minimal } = config.features;
  const on = (environment.get(variable) ?? '')
    .split(',')
    .map((name) => name.trim())
    .filter(Boolean);
  const unknown = on.filter((name) => !all.includes(name));
  const rules = {
    all: all.every((name) => on.includes(name)),
    subset: on.length > 0 && on.length < all.length,
    minimal: on.every((name) => minimal.includes(name)),
  };
  const hints = {
    all: `All of: ${all.join(', ')}.`,
    subset: `Some, not all, of: ${all.join(', ')}.`,
    minimal: `Nothing beyond: ${minimal.join(', ')}.`,
  };
  return {
    concern: 'Feature flags',
    variable,
    expected: rule,
    actual: on.join(', ') || 'none',
    ok: rules[rule] && unknown.length === 0,
    hint: unknown.length > 0 ? `Not a known flag: ${unknown.join(', ')}.` : hints[rule],
  };
}

function sentry(parity: Parity, environment: Environment): Row {
  const dsn = environment.get('SENTRY_DSN');
  const rate = Number(environment.get('SENTRY_TRACES_SAMPLE_RATE') ?? 0);
  const max = parity.sentrySampleRateMax;
  const wellFormed = dsn === undefined ? parity.sentry === 'optional' : DSN.test(dsn);
  const rateOk = max === undefined || rate <= max;
  return {
    concern: 'Sentry DSN',
    variable: 'SENTRY_DSN',
    expected: `${parity.sentry}${max === undefined ? '' : `, sample rate ≤ ${max}`}`,
    actual: dsn === undefined ? 'not set' : `set (***), sample rate ${rate}`,
    ok: wellFormed && rateOk,
    hint: wellFormed ? 'Lower SENTRY_TRACES_SAMPLE_RATE.' : 'Set SENTRY_DSN to https://<key>@<host>/<project id>.',
  };
}

function redis(rule: 'optional' | 'required', environment: Environment): Row {
  const set = environment.has('REDIS_URL') && environment.get('REDIS_URL') !== undefined;
  return {
    concern: 'Redis',
    variable: 'REDIS_URL',
    expected: rule,
    actual: set ? 'set (***)' : rule === 'optional' ? 'not set (in-memory fallback)' : 'not set',
    ok: set || rule === 'optional',
    hint: "Set REDIS_URL='redis://user:password@host:6379'.",
  };
}

export function describeSource(config: LoadedConfig, environment: Environment, variable: string): string {
  const source = environment.sourceOf(variable);
  if (!source) return 'not set';
  return source.kind === 'shell' ? 'shell' : `${source.file.replace(`${config.root}/`, '')}:${source.line}`;
}
