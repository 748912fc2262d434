import { command, hint, inTransaction, OpsError, usageError } from '@drydock/kit';
import { looking } from '../looking.ts';
import type { Target } from '../target.ts';
import { readMigrations } from './folder.ts';
import { ensureHistory, isApplied, recordApplied, recordRollback } from './history.ts';
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

/** All of them or none, in their order; what is recorded already stays. Returns how many were. Safe to repeat. */
export async function recordBaseline(target: Target, names: string[]): Promise<number> {
  const migrations = readMigrations(target.migrationsDir).filter(({ name }) => names.includes(name));
  return looking(target.url, 'drydock db:baseline', async (client) => {
    await ensureHistory(client);
    return inTransaction(client, async () => {
      let recorded = 0;
      for (const migration of migrations) {
        if (await isApplied(client, migration.name)) continue;
        await recordApplied(client, migration);
        recorded++;
      }
      return recorded;
    });
  });
}

/** As Prisma does: the row of the failed attempt is marked, and one that says "applied" is added. Safe to repeat. */
export async function resolveApplied(target: Target, name: string): Promise<void> {
  const migration = readMigrations(target.migrationsDir).find((candidate) => candidate.name === name);
  if (!migration) throw unknown(name);
  return looking(target.url, 'drydock db:resolve', async (client) => {
    await ensureHistory(client);
    if (await isApplied(client, name)) return;
    await inTransaction(client, async () => {
      await recordRollback(client, name);
      await recordApplied(client, migration);
    });
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
