import { randomUUID } from 'node:crypto';
import { command, hint, OpsError, usageError } from '@drydock/kit';
import { looking } from '../looking.ts';
import type { Target } from '../target.ts';
import { readMigrations } from './folder.ts';
import { ensureHistory, isApplied, recordRollback } from './history.ts';
import { readState } from './state.ts';

export type Resolution = { applied: string[]; rolledBack: string[] };

export function refuseWish(wish: Resolution): void {
  if (wish.applied.length + wish.rolledBack.length === 0)
    throw usageError(
      'USAGE',
      'Say which, and how it is: --applied NAME or --rolled-back NAME.',
      command('db:resolve', { help: true }),
    );
}

/** Refuses what would make the history say something that cannot be. */
export async function planResolve(target: Target, wish: Resolution): Promise<Resolution> {
  const state = await readState(target);
  const failed = new Set(state.failed.map(({ name }) => name));
  const folder = new Set(readMigrations(target.migrationsDir).map(({ name }) => name));
  for (const name of wish.applied) {
    if (!folder.has(name)) throw unknown(name);
    if (state.applied.includes(name)) throw already(name, 'is applied already');
  }
  for (const name of wish.rolledBack) {
    if (failed.has(name)) continue;
    throw state.applied.includes(name)
      ? new OpsError({
          code: 'MIGRATION_APPLIED',
          message: `${name} is applied; marking it as rolled back would not undo it.`,
          hint: hint`Undo it: ${command('db:rollback', { env: target.env, to: 'THE_ONE_BEFORE' })}`,
        })
      : already(name, 'did not fail');
  }
  return wish;
}

function unknown(name: string): OpsError {
  return usageError(
    'MIGRATION_UNKNOWN',
    `There is no migration ${name} in the folder.`,
    hint`${command('db:status')} names them.`,
  );
}

function already(name: string, what: string): OpsError {
  return usageError('NOTHING_TO_RESOLVE', `${name} ${what}.`, hint`${command('db:status')} shows the state of each.`);
}

/** As Prisma does: the row of the failed attempt is marked, and one that says "applied" is added. Safe to repeat. */
export async function resolveApplied(target: Target, name: string): Promise<void> {
  const migration = readMigrations(target.migrationsDir).find((candidate) => candidate.name === name);
  if (!migration) throw unknown(name);
  return looking(target.url, 'drydock db:resolve', async (client) => {
    await ensureHistory(client);
    if (await isApplied(client, name)) return;
    await client.query('BEGIN');
    await recordRollback(client, name);
    await client.query(
      'INSERT INTO _prisma_migrations (id, checksum, migration_name, finished_at) VALUES ($1, $2, $3, clock_timestamp())',
      [randomUUID(), migration.checksum, name],
    );
    await client.query('COMMIT');
  });
}

export async function resolveRolledBack(target: Target, name: string): Promise<void> {
  return looking(target.url, 'drydock db:resolve', async (client) => {
    await client.query(
      'UPDATE _prisma_migrations SET rolled_back_at = clock_timestamp() WHERE migration_name = $1 AND rolled_back_at IS NULL AND finished_at IS NULL',
      [name],
    );
  });
}
