import { command, hint, inTransaction, OpsError, usageError } from '@drydock/kit';
import { looking } from '../sessions/looking.ts';
import type { Target } from '../target.ts';
import { compareHistory } from './compare.ts';
import { readMigrations } from './folder.ts';
import { ensureHistory, isApplied, readHistory, recordApplied, recordRollback } from './history.ts';
import { squashPartly } from './refuse.ts';
import { allOf } from './squashes.ts';
import { readState } from './state.ts';

export type Resolution = { applied: string[]; rolledBack: string[]; forget: string[] };

export function refuseWish(wish: Resolution): void {
  if (wish.applied.length + wish.rolledBack.length + wish.forget.length === 0)
    throw usageError(
      'USAGE',
      'Say which, and how it is: --applied NAME, --rolled-back NAME or --forget NAME.',
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
    const part = state.partly.find((squash) => squash.name === name);
    if (part) throw new OpsError(squashPartly(part));
  }
  for (const name of wish.forget) {
    if (state.missing.includes(name)) continue;
    throw already(name, folder.has(name) ? 'is in the folder' : 'is nothing that is missing there');
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

/**
 * Records a squash, and nothing else, where everything that it stands for is applied: asked again in the transaction. Their rows stay, as they do
 * by Prisma's manual, so that an older version, which knows them alone, finds nothing pending; but where developers work, since
 * `prisma migrate dev` wants a new database where it finds one that the folder has not. Safe to repeat.
 */
export async function recordSquash(target: Target, name: string): Promise<void> {
  const migrations = readMigrations(target.migrationsDir);
  const squash = migrations.find((candidate) => candidate.name === name);
  if (!squash) throw unknown(name);
  await looking(target.url, 'drydock db:resolve', async (client) => {
    await ensureHistory(client);
    await inTransaction(client, async () => {
      // Nobody else records it meanwhile.
      await client.query('LOCK TABLE _prisma_migrations IN SHARE ROW EXCLUSIVE MODE');
      const { partly, squashed, applied } = compareHistory(migrations, await readHistory(client));
      if (applied.includes(name)) return;
      const part = partly.find((one) => one.name === name);
      if (part) throw new OpsError(squashPartly(part));
      if (!squashed.includes(name)) throw already(name, 'stands for nothing that is applied here');
      await recordApplied(client, squash);
      if (target.developers !== target.env) return;
      for (const one of allOf(squash.standsFor ?? [])) await recordRollback(client, one.name);
    });
  });
}

/** The row stays, and counts no more. Safe to repeat. */
export async function forget(target: Target, name: string): Promise<void> {
  return looking(target.url, 'drydock db:resolve', (client) => recordRollback(client, name));
}

/** As Prisma does: the row of the failed attempt is marked, and one that says "applied" is added. Safe to repeat. */
export async function resolveApplied(target: Target, name: string): Promise<void> {
  const migration = readMigrations(target.migrationsDir).find((candidate) => candidate.name === name);
  if (!migration) throw unknown(name);
  if (migration.standsFor && (await readState(target)).squashed.includes(name)) return recordSquash(target, name);
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
