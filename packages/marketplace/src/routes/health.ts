import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { readQueue } from '../chain/queue.ts';
import type { Services } from '../services.ts';

const MIGRATIONS = join(import.meta.dirname, '../../../../prisma/migrations');
const TIMEOUT_MS = 2_000;

/** What a look at a part found; `problem` makes the part a bad one. */
type Finding = Record<string, unknown> & { problem?: string };

export interface PartHealth {
  ok: boolean;
  required: boolean;
  ms: number;
  error?: string;
  detail?: Record<string, unknown>;
}

/** Each part, asked at the same time, none for longer than two seconds. */
export async function readHealth(services: Services): Promise<{ ok: boolean; parts: Record<string, PartHealth> }> {
  const { db, redis, chain, config } = services;
  const parts: Record<string, PartHealth> = Object.fromEntries(
    await Promise.all([
      part('database', true, () => db.$queryRaw`SELECT 1`.then(() => ({}))),
      part('redis', config.NODE_ENV !== 'development', async () => {
        if (!redis) return { fallback: 'memory' };
        await redis.ping();
        return {};
      }),
      part('chain', true, async () => ({ block: String(await chain.blockNumber()) })),
      part('migrations', true, () => migrations(services)),
      part('escrowQueue', false, async () => ({ ...(await readQueue(db)) })),
    ]),
  );
  return { ok: Object.values(parts).every(({ ok, required }) => ok || !required), parts };
}

async function part(name: string, required: boolean, look: () => Promise<Finding>): Promise<[string, PartHealth]> {
  const started = performance.now();
  const ms = () => Math.round(performance.now() - started);
  try {
    const { problem, ...detail } = await Promise.race([look(), timeout()]);
    return [name, { ok: !problem, required, ms: ms(), detail, ...(problem ? { error: problem } : {}) }];
  } catch (error) {
    return [name, { ok: false, required, ms: ms(), error: shortly(error) }];
  }
}

function timeout(): Promise<never> {
  return new Promise((_, reject) =>
    setTimeout(() => reject(new Error(`no answer within ${TIMEOUT_MS} ms`)), TIMEOUT_MS).unref(),
  );
}

/** The migrations this version was built with must all be there; those of a newer version may be, too. */
async function migrations({ db }: Services): Promise<Finding> {
  const rows = await db.$queryRaw<{ migration_name: string }[]>`
    SELECT migration_name FROM _prisma_migrations WHERE finished_at IS NOT NULL AND rolled_back_at IS NULL ORDER BY migration_name`;
  const applied = new Set(rows.map((row) => row.migration_name));
  const pending = readdirSync(MIGRATIONS).filter((name) => /^\d/.test(name) && !applied.has(name));
  return {
    head: rows.at(-1)?.migration_name ?? null,
    applied: rows.length,
    pending,
    ...(pending.length > 0 ? { problem: `not applied: ${pending.join(', ')}` } : {}),
  };
}

function shortly(error: unknown): string {
  const { shortMessage, message } = error as { shortMessage?: string; message?: string };
  return (shortMessage ?? message ?? String(error)).split('\n').at(-1)?.slice(0, 200) ?? 'failed';
}
