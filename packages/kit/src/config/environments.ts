import { z } from 'zod';
import { closest } from '../closest.ts';
import { usageError } from '../errors.ts';

const SERVES = ['developers', 'validation', 'customers'] as const;
type Serves = (typeof SERVES)[number];

/** The runbook's three (section 1). They are what a config has that names none. */
const RUNBOOK: Record<string, Serves> = { development: 'developers', staging: 'validation', production: 'customers' };
export const RUNBOOK_ENVIRONMENTS: readonly string[] = Object.keys(RUNBOOK);

const paritySchema = z.strictObject({
  nodeEnv: z.enum(['development', 'production']).describe('What NODE_ENV must be.'),
  schema: z
    .enum(['dev', 'deploy'])
    .describe('Whether the schema comes by `prisma migrate dev` or by `migrate deploy`.'),
  features: z.enum(['all', 'subset', 'minimal']).describe('Which feature flags are on; see `features`.'),
  sentry: z.enum(['optional', 'required']).describe('Whether SENTRY_DSN must be set.'),
  sentrySampleRateMax: z
    .number()
    .min(0)
    .max(1)
    .optional()
    .describe('The highest SENTRY_TRACES_SAMPLE_RATE allowed ("sample rate low").'),
  redis: z.enum(['optional', 'required']).describe('Whether REDIS_URL must be set.'),
});
export type Parity = z.output<typeof paritySchema>;

/** The runbook's parity table, section 1, by whom an environment serves. */
const PARITY: Record<Serves, Parity> = {
  developers: { nodeEnv: 'development', schema: 'dev', features: 'all', sentry: 'optional', redis: 'optional' },
  validation: {
    nodeEnv: 'production',
    schema: 'deploy',
    features: 'subset',
    sentry: 'required',
    sentrySampleRateMax: 0.1,
    redis: 'required',
  },
  customers: { nodeEnv: 'production', schema: 'deploy', features: 'minimal', sentry: 'required', redis: 'required' },
};

const environmentSchema = z.strictObject({
  serves: z
    .enum(SERVES)
    .optional()
    .describe(
      'Whom it is for: `developers` (migrations are made there, a key may lie in a variable), `validation` (a release is tried there first), `customers` (seeding and demo data are refused, a backup comes before a deploy). By itself what the runbook says of development, staging and production, and `customers` under any other name.',
    )
    .meta({ byItself: 'by its name' }),
  url: z.string().default('PUBLIC_URL').describe('Variable that holds the address people use.'),
  guard: z
    .enum(['none', 'confirm'])
    .optional()
    .describe('`confirm`: its name must be typed, or given as `--confirm NAME`, and `--reason` is required.')
    .meta({ byItself: '`confirm` where it serves customers' }),
  after: z
    .string()
    .nullable()
    .optional()
    .describe('The environment that a release goes through first; null where it may begin here.')
    .meta({ byItself: 'the one before it, unless that serves developers' }),
  parity: paritySchema
    .partial()
    .optional()
    .describe(
      "What env:check holds it to: its column of the runbook's parity table. What the product does not have (a variable that is neither set nor declared, nor asked for here) is not asked for.",
    )
    .meta({ byItself: 'by whom it serves' }),
});
type WrittenEnvironment = z.output<typeof environmentSchema>;

export interface EnvironmentSettings {
  serves: Serves;
  url: string;
  guard: 'none' | 'confirm';
  after: string | null;
  parity: Parity;
  /** The keys of `parity` that the config writes itself. */
  asked: readonly (keyof Parity)[];
}

// dotenv-flow reads .env.local and .env.defaults in every environment.
const name = z
  .string()
  .regex(
    /^(?!(local|defaults)$)[a-z][a-z0-9-]{0,39}$/,
    'must be lower-case letters, digits and dashes, and not "local" or "defaults"',
  );

/** Environments in the order of promotion, as a config has them; what it leaves out follows from whom they serve. */
export const environmentsSchema = z
  .record(name, environmentSchema)
  .prefault(Object.fromEntries(RUNBOOK_ENVIRONMENTS.map((one) => [one, {}])))
  .transform((written, ctx): Record<string, EnvironmentSettings> => {
    const order = inOrder(Object.keys(written));
    if (order.length === 0) ctx.addIssue('must name one environment at least');
    const settings = new Map<string, EnvironmentSettings>();
    for (const one of order) {
      const { after } = written[one] ?? {};
      if (typeof after === 'string' && !settings.has(after))
        ctx.addIssue({ code: 'custom', path: [one, 'after'], message: `"${after}" is no environment before it` });
      settings.set(one, settle(one, written[one], [...settings].at(-1)));
    }
    return Object.fromEntries(settings);
  })
  .describe(
    "The environments in the order of promotion; the first is the one that tasks work on if none is named. By itself the runbook's three.",
  );

/** The environments of a config that names none. */
export function runbookEnvironments(): Record<string, EnvironmentSettings> {
  return environmentsSchema.parse(undefined);
}

/** The runbook's three have its order, however they are written down. */
function inOrder(names: string[]): string[] {
  return names.every((one) => one in RUNBOOK) ? RUNBOOK_ENVIRONMENTS.filter((one) => names.includes(one)) : names;
}

function settle(
  one: string,
  written: Partial<WrittenEnvironment> = {},
  before: [string, EnvironmentSettings] | undefined,
): EnvironmentSettings {
  const serves = written.serves ?? RUNBOOK[one] ?? 'customers';
  const { sentrySampleRateMax: _, ...column } = PARITY[serves];
  return {
    serves,
    url: written.url ?? 'PUBLIC_URL',
    guard: written.guard ?? (serves === 'customers' ? 'confirm' : 'none'),
    after:
      written.after !== undefined ? written.after : before?.[1].serves === 'developers' ? null : (before?.[0] ?? null),
    // Whoever writes the column writes the rate, or has none.
    parity: written.parity ? ({ ...column, ...written.parity } as Parity) : PARITY[serves],
    asked: Object.keys(written.parity ?? {}) as (keyof Parity)[],
  };
}

interface Named {
  readonly environments: Readonly<Record<string, EnvironmentSettings>>;
}

/** What the config says of an environment; one that it does not have is a usage error. */
export function environmentSettings(config: Named, env: string): EnvironmentSettings {
  const settings = config.environments[env];
  if (settings) return settings;
  const names = Object.keys(config.environments);
  throw usageError('ENVIRONMENT_UNKNOWN', `There is no environment "${env}".`, `There are: ${names.join(', ')}.`);
}

/** The environments that a release of this one goes through, in order, itself the last. */
export function promotionTo(config: Named, env: string): string[] {
  const { after } = environmentSettings(config, env);
  return after === null ? [env] : [...promotionTo(config, after), env];
}

/** The environment that is meant: its name, or the beginning of it where that is one alone (`prod`). Undefined: the first. */
export function environmentNamed(config: Named, typed: string | undefined, flag = '--env'): string {
  const names = Object.keys(config.environments);
  if (typed === undefined) return names[0] as string;
  if (names.includes(typed)) return typed;
  const meant = names.filter((one) => typed.length > 1 && one.startsWith(ABBREVIATED[typed] ?? typed));
  if (meant.length === 1) return meant[0] as string;
  const near = closest(typed, names);
  const question =
    meant.length > 1 ? ` Which do you mean: ${meant.join(' or ')}?` : near ? ` Did you mean ${near}?` : '';
  throw usageError(
    'USAGE',
    `${flag} must be one of ${names.join(', ')}, not "${typed}".${question}`,
    `For example: ${flag} ${meant[0] ?? near ?? names[0]}`,
  );
}

/** What people write that is no beginning. */
const ABBREVIATED: Record<string, string> = { stage: 'stag' };
