import { appendAudit, type Secret, type TaskContext, withPostgres } from '@drydock/kit';
import { requireIdentity } from './crypt/identity.ts';
import { refuseHoles } from './restore/holes.ts';
import { pgRestore } from './restore/pg-restore.ts';
import { readPlain } from './restore/plain.ts';
import { findBackup } from './restore/source.ts';

type Where = Pick<TaskContext, 'config' | 'environment' | 'out' | 'run' | 'task' | 'actor' | 'reason'>;

/**
 * Fills an empty database with a backup, for a rehearsal: what belongs to roles that are not here is no loss. `trust` is the
 * reason for which one is opened that nobody stands for; it is kept in the log.
 */
export async function rehearsalOnBackup(
  ctx: Where,
  from: string,
  trust?: string,
): Promise<(empty: Secret) => Promise<void>> {
  const { source, findings, trusted } = await findBackup(ctx, from, trust);
  for (const { message } of findings) ctx.out.warn(message);
  const identity = await requireIdentity(ctx.config, ctx.environment);
  return async (empty) => {
    if (trusted !== undefined) await remember(ctx, source.label, { reason: trust ?? '', why: trusted });
    const { skipped } = await pgRestore(readPlain(source, identity), empty, { jobs: 1, noOwner: true });
    refuseHoles(skipped);
    for (const { what, why } of skipped) ctx.out.warn(`The copy lacks what the backup has: ${what} (${why})`);
    await withPostgres(empty, 'drydock rehearsal', (client) => client.query('DROP SCHEMA IF EXISTS drydock CASCADE'));
  };
}

async function remember(ctx: Where, backup: string, trusted: { reason: string; why: string }): Promise<void> {
  const { config, environment, run, task, actor, reason } = ctx;
  const metadata = { backup, ...trusted };
  await appendAudit(environment, {
    config,
    run,
    task,
    actor,
    reason,
    event: 'backup.trusted',
    outcome: 'done',
    metadata,
  });
}
