import { z } from 'zod';
import { readRing } from './auth/ring.ts';

const keyRing = z.string().transform((text, { issues }) => {
  try {
    return readRing(text);
  } catch (error) {
    issues.push({ code: 'custom', message: (error as Error).message, input: undefined });
    return z.NEVER;
  }
});
const list = z.string().transform((text) =>
  text
    .split(',')
    .map((item) => item.trim())
    .filter(Boolean),
);
const hex = (bytes: number) =>
  z
    .string()
    .regex(new RegExp(`^0x[0-9a-fA-F]{${bytes * 2}}$`), `must be 0x and ${bytes * 2} hexadecimal digits`)
    .transform((text) => text as `0x${string}`);
const optional = <T extends z.ZodType>(schema: T) =>
  z.preprocess((value) => (value === '' ? undefined : value), schema.optional());

const lifetime = (otherwise: string) =>
  z
    .string()
    .regex(/^[1-9]\d*[smhd]$/, 'must be a time such as 30s, 15m or 14d')
    .default(otherwise);

const schema = z
  .object({
    /** How its deployment is called, as it is told to errors and reports. */
    DRYDOCK_ENV: z.string().default('local'),
    NODE_ENV: z.string().default('development'),
    HOST: z.string().default('127.0.0.1'),
    PORT: z.coerce.number().int().min(0).max(65_535).default(3000),
    APP_VERSION: z.string().default('unreleased'),
    DATABASE_URL: z.string().min(1),
    REDIS_URL: optional(z.string()),
    CHAIN_RPC_URL: list.pipe(
      z.array(z.url({ protocol: /^https?$/, error: 'must be one or more http addresses' })).min(1),
    ),
    CHAIN_ID: z.coerce.number().int().default(31_337),
    ESCROW_FACTORY_ADDRESS: hex(20),
    CERTIFICATE_ADDRESS: hex(20),
    ESCROW_ADMIN_KEY: hex(32),
    JWT_ACCESS_KEYS: keyRing,
    JWT_REFRESH_KEYS: keyRing,
    /** All are accepted: while one takes another's place, both are. */
    ADMIN_TOKEN: list.pipe(
      z
        .array(z.string())
        .refine(
          (tokens) => tokens.length > 0 && tokens.every(({ length }) => length >= 16),
          'must be one or more texts of 16 characters or more, separated by commas',
        ),
    ),
    ACCESS_TOKEN_LIFETIME: lifetime('15m'),
    REFRESH_TOKEN_LIFETIME: lifetime('14d'),
    JWKS_MAX_AGE: z.coerce.number().int().min(0).max(86_400).default(600),
    FEATURE_FLAGS: list.default([]),
    SENTRY_DSN: optional(z.string()),
    SENTRY_TRACES_SAMPLE_RATE: z.coerce.number().min(0).max(1).default(0),
    POSTHOG_KEY: optional(z.string()),
    POSTHOG_HOST: optional(z.string()),
    RATE_LIMIT_PER_MINUTE: z.coerce.number().int().positive().default(600),
    DRAIN_DELAY_MS: z.coerce.number().int().nonnegative().default(500),
    LOG_LEVEL: z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('info'),
  })
  .refine((env) => env.NODE_ENV === 'development' || env.REDIS_URL, {
    path: ['REDIS_URL'],
    message: 'is required; only with NODE_ENV development does it run without Redis',
  });

export type AppConfig = z.output<typeof schema>;

/** The product's settings from the environment. Throws an Error with one sentence that names every bad variable. */
export function readConfig(env: NodeJS.ProcessEnv): AppConfig {
  const result = schema.safeParse(env);
  if (result.success) return result.data;
  const problems = result.error.issues.map(
    ({ path, message, code }) => `${path.join('.')} ${code === 'invalid_type' ? 'is not set' : message}`,
  );
  throw new Error(`The marketplace cannot start: ${problems.join('; ')}.`);
}

/** Route options where passwords are tried: a quarter of the usual rate. */
export function slowDown({ RATE_LIMIT_PER_MINUTE }: AppConfig) {
  return { config: { rateLimit: { max: Math.ceil(RATE_LIMIT_PER_MINUTE / 4) } } };
}
