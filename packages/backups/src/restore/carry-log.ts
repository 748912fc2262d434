import { OpsError, type Secret, type StepContext, type TaskContext, withPostgres } from '@drydock/kit';
import { dumpSchema } from '../dump/pg-dump.ts';
import { exists, onServer } from './databases.ts';
import { refuseHoles } from './holes.ts';
import { pgRestore } from './pg-restore.ts';
import { freshUrl, openPlanned, type RestorePlan } from './plan.ts';

/**
 * The audit log is a chain, and the backup's is its beginning: the live one takes its place. Where that is gone or lets
 * nobody in, the backup's own stays; that of another environment does not.
 */
export async function carryLog(
  ctx: TaskContext,
  url: Secret,
  plan: RestorePlan,
  out: StepContext['out'],
): Promise<void> {
  const log = await liveLog(url, plan);
  const { manifest } = await openPlanned(ctx, plan);
  if (log === 'out of reach') {
    out.warn('The log of the live database cannot be read: that of the backup goes on.');
    if (manifest?.env === ctx.env && manifest.product === ctx.config.product) return;
  }
  const fresh = freshUrl(url, plan);
  await withPostgres(fresh, 'drydock db:restore', (client) => client.query('DROP SCHEMA IF EXISTS drydock CASCADE'));
  if (log === 'there') refuseHoles((await pgRestore(dumpSchema(url, 'drydock'), fresh, { jobs: 1 })).skipped);
}

async function liveLog(url: Secret, plan: RestorePlan): Promise<'there' | 'none' | 'out of reach'> {
  if (!(await onServer(url, (client) => exists(client, plan.name)))) return 'out of reach';
  try {
    const { rows } = await withPostgres(url, 'drydock db:restore', (client) =>
      client.query<{ there: boolean }>(`SELECT to_regnamespace('drydock') IS NOT NULL AS there`),
    );
    return rows[0]?.there ? 'there' : 'none';
  } catch (error) {
    // The server answered just now: it is this database that lets nobody in.
    if (error instanceof OpsError && /^DATABASE_(UNREACHABLE|REFUSED)$/.test(error.code)) return 'out of reach';
    throw error;
  }
}
