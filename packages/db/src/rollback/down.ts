import type { Secret } from '@drydock/kit';
import type { Client } from 'pg';
import { type ApplyOptions, withMigrations } from '../migrations/apply.ts';
import { FencedExecutor } from '../rehearsal/fence.ts';

/**
 * Runs one down script and marks its migration as rolled back, as Prisma does: it is pending again. Both commit
 * together, unless the script holds what cannot run in a transaction; then each statement's number is kept, and a
 * repetition goes on behind the last. `fenced`: on a scratch database, without what reaches out of it.
 */
export async function runDown(
  url: Secret,
  { name, sql }: { name: string; sql: string },
  { fenced, ...options }: ApplyOptions & { fenced?: boolean },
): Promise<void> {
  const script = { name, sql, file: `${name}/down.sql` };
  const executor = fenced ? { executor: (client: Client) => new FencedExecutor(client) } : {};
  await withMigrations(url, (session) => session.undo(script, { ...options, ...executor }));
}
