import {
  chainSection,
  command,
  defineStep,
  hint,
  type Matter,
  OpsError,
  raiseMatters,
  type Secret,
  type Step,
  type TaskContext,
  withDatabase,
  withPostgres,
} from '@drydock/kit';
import { onServer } from './databases.ts';
import { readHeld } from './held.ts';
import type { RestorePlan } from './plan.ts';

/** What now differs from the world around the database. */
export type Aftermath = { matters: Matter[] };

type InPlace = RestorePlan & { before: string };

/** Kept in the database that took the place, until somebody or something settles it: health:check shows it. */
export function aftermathStep(ctx: TaskContext, url: Secret, plan: InPlace): Step<Aftermath> {
  return defineStep<Aftermath>({
    name: 'tell what differs',
    houseKeeping: true,
    async run({ run }) {
      const matters = await findMatters(ctx, url, plan);
      await withPostgres(url, 'drydock db:restore', (client) => raiseMatters(client, run, matters));
      return { matters };
    },
  });
}

async function findMatters({ config, environment, env }: TaskContext, url: Secret, plan: InPlace): Promise<Matter[]> {
  const settle = (key: string) => command('ops:settle', { env, matter: [key] });
  const [was, is] = [await headOf(withDatabase(url, plan.before)), await headOf(url)];
  const redis = environment.names.filter((name) => /^rediss?:\/\//.test(environment.get(name) ?? ''));
  const held = await onServer(url, (client) => readHeld(client, plan.before));
  return [
    ...(chainSection.of(config)
      ? [
          {
            key: 'chain',
            says: `The chain is ahead: what happened on it after ${plan.label} was made is not in the database.`,
            next: hint`Compare: ${command('escrow:reconcile', { env })}   Then ${command('escrow:reconcile', { env, fix: true })}, which settles it`,
          },
        ]
      : []),
    ...(was.head !== is.head
      ? [
          {
            key: 'migrations',
            says: `The database stands at migration ${is.head ?? 'none'}; ${was.reached ? `before it stood at ${was.head ?? 'none'}` : 'how far the one before stood cannot be told'}, which what runs may want.`,
            next: hint`Look: ${command('db:status', { env })}   Then ${command('db:deploy', { env })}, or roll the release back`,
            ...(was.head && (is.head === null || was.head > is.head)
              ? { until: { kind: 'migration' as const, name: was.head } }
              : {}),
          },
        ]
      : []),
    ...(redis.length > 0
      ? [
          {
            key: 'caches',
            says: `Redis (${redis.join(', ')}) still has what was cached, counted or queued of the database before.`,
            next: hint`Drop there what is of rows that are other ones now, then: ${settle('caches')}`,
          },
        ]
      : []),
    ...held.slots.map((name) => ({
      key: `slot ${name}`,
      says: `The replication slot ${name} stayed with ${plan.before}, where nothing changes any more: whoever reads from it gets nothing.`,
      next: hint`Begin it anew on the database of today: SELECT pg_create_logical_replication_slot('${name}', …), after it is dropped there; or ${settle(`slot ${name}`)}`,
      until: { kind: 'slot' as const, name },
    })),
    ...held.subscriptions.map((name) => ({
      key: `subscription ${name}`,
      says: `The subscription ${name} stayed with ${plan.before}: the database of today takes nothing from its publisher.`,
      next: hint`Drop it there, keeping its slot (ALTER SUBSCRIPTION … SET (slot_name = NONE)), and make it here; or ${settle(`subscription ${name}`)}`,
      until: { kind: 'subscription' as const, name },
    })),
  ];
}

/** Of Prisma's history; `reached` where the database could be asked. */
async function headOf(url: Secret): Promise<{ reached: boolean; head: string | null }> {
  try {
    return await withPostgres(url, 'drydock db:restore', async (client) => {
      const { rows } = await client.query<{ there: boolean }>(
        `SELECT to_regclass('_prisma_migrations') IS NOT NULL AS there`,
      );
      if (!rows[0]?.there) return { reached: true, head: null };
      const newest = await client.query<{ head: string | null }>(
        'SELECT max(migration_name) AS head FROM _prisma_migrations WHERE finished_at IS NOT NULL AND rolled_back_at IS NULL',
      );
      return { reached: true, head: newest.rows[0]?.head ?? null };
    });
  } catch (error) {
    // One that was gone, or lets nobody in, is why this is a restore.
    if (error instanceof OpsError) return { reached: false, head: null };
    throw error;
  }
}
