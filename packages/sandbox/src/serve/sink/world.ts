import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { readStateFile, writeDurably } from '@drydock/kit';
import { z } from 'zod';

const limit = z.strictObject({ window: z.number(), count: z.number() }).nullable();
const sentryKey = z.strictObject({
  public: z.string().min(1),
  secret: z.string().default(() => hex()),
  name: z.string().default('Default'),
  isActive: z.boolean().default(true),
  rateLimit: limit.default(null),
});
const sentryProject = z.strictObject({
  id: z.number().int(),
  organization: z.string(),
  slug: z.string(),
  keys: z.array(sentryKey),
});
const postHogProject = z.strictObject({
  id: z.number().int(),
  organization: z.string(),
  api_token: z.string(),
  secret_api_token: z.string().nullable().default(null),
  secret_api_token_backup: z.string().nullable().default(null),
});
const token = z.strictObject({
  token: z.string(),
  /** `project:read`, `project:write`, … */
  scopes: z.array(z.string()),
  organization: z.string(),
});
const settings = z.strictObject({
  /** How long a key that was taken is believed in after it has been disabled or deleted. Sentry: up to 300 s. */
  refusalMs: z.number().optional(),
  /** How long a key that was not there is believed not to be there. Sentry: 60 s. */
  missMs: z.number().optional(),
  /** How long events with a key that was never seen are taken before anybody looks whether there is such a key; they may be dropped then. */
  pendingMs: z.number().optional(),
  /** Keys on a page of a list. */
  pageSize: z.number().int().optional(),
  /** The path below which Sentry lives. */
  prefix: z.string().optional(),
});

type Settings = { [K in keyof z.output<typeof settings>]-?: NonNullable<z.output<typeof settings>[K]> };

export const worldSchema = z.strictObject({
  settings: settings.default({}),
  sentry: z
    .strictObject({ projects: z.array(sentryProject).default([]), tokens: z.array(token).default([]) })
    .prefault({}),
  posthog: z
    .strictObject({ projects: z.array(postHogProject).default([]), tokens: z.array(token).default([]) })
    .prefault({}),
});
export type SinkSetup = z.input<typeof worldSchema>;
type Kept = z.output<typeof worldSchema>;
export type SentryProject = z.output<typeof sentryProject>;
export type SentryKey = z.output<typeof sentryKey>;
export type PostHogProject = z.output<typeof postHogProject>;
export type SinkToken = z.output<typeof token>;

export const hex = (bytes = 16) => randomBytes(bytes).toString('hex');

/** Projects with their keys and who may change them, kept across restarts. */
export class SinkWorld {
  readonly #file: string;
  readonly #kept: Kept;

  constructor(directory: string) {
    this.#file = join(directory, 'world.json');
    this.#kept = readStateFile(this.#file, worldSchema) ?? worldSchema.parse({});
  }

  get settings(): Settings {
    const { refusalMs = 0, missMs = 60_000, pendingMs = 0, pageSize = 10, prefix = '' } = this.#kept.settings;
    return { refusalMs, missMs, pendingMs, pageSize, prefix };
  }

  get sentry(): Kept['sentry'] {
    return this.#kept.sentry;
  }

  get posthog(): Kept['posthog'] {
    return this.#kept.posthog;
  }

  /** Adds what is not there; a project that is there keeps the keys that it has now. */
  add(setup: Kept): void {
    const known = this.#kept;
    known.settings = { ...known.settings, ...setup.settings };
    for (const service of ['sentry', 'posthog'] as const) {
      const { projects, tokens }: { projects: { id: number }[]; tokens: SinkToken[] } = known[service];
      projects.push(...setup[service].projects.filter(({ id }) => !projects.some((one) => one.id === id)));
      const given = setup[service].tokens;
      known[service].tokens = [...tokens.filter((one) => !given.some((other) => other.token === one.token)), ...given];
    }
    this.keep();
  }

  keep(): void {
    writeDurably(this.#file, JSON.stringify(this.#kept, null, 2));
  }
}
