import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { backupsSection, readBackupStatus } from '@drydock/backups';
import { readState, targetOf } from '@drydock/db';
import { artifactStore } from '../artifact/store.ts';
import { withRecord } from '../record/record.ts';
import type { About, Answer } from './types.ts';

/** The version that serves can come back: it is there, unaltered, and each migration on the way has a way back too. */
export async function rollback(about: About): Promise<Answer> {
  const { config, environment, signal } = about;
  const live = await withRecord(config, environment, (record) => record.live());
  if (!live) return { state: 'none', says: 'the first release: there is nothing to go back to' };
  const store = artifactStore(config, environment);
  const artifact = await store.find(live.digest);
  if (!artifact) return { state: 'no', says: `${live.version}, which serves, is not in ${store.label}` };
  await store.verify(artifact, signal);
  const back = `back to ${live.version}, verified in ${store.label}`;
  const target = targetOf(config, environment);
  const { pending } = await readState(target);
  if (pending.length === 0) return { state: 'yes', says: `${back}; no migration on the way` };
  const without = pending.filter((name) => !existsSync(join(target.migrationsDir, name, 'down.sql')));
  if (without.length === 0) return { state: 'yes', says: `${back}; ${pending.length} pending, each with a down.sql` };
  // What has no way down may be lived with by the version before, which the rehearsal decides; where not, the backup is the way.
  const kept = await backup(about);
  return kept.state === 'no'
    ? { state: 'no', says: `${without.join(', ')} has no down.sql, and ${kept.says}` }
    : { state: 'yes', says: `${back}; without a down.sql, by the backup: ${without.join(', ')}` };
}

export async function backup({ config, environment }: About): Promise<Answer> {
  if (await isNew({ config, environment })) return { state: 'none', says: 'nothing is there yet that could be lost' };
  const { statuses, findings } = await readBackupStatus(config, environment, new Date());
  const bad = findings.find(
    ({ level, code }) => level === 'error' && code !== 'DRILL_OVERDUE' && code !== 'DUMPS_DO_NOT_SERVE',
  );
  if (bad) return { state: 'no', says: bad.message.replace(/\.$/, '') };
  const newest = statuses
    .flatMap(({ newest: at }) => at ?? [])
    .sort()
    .at(-1);
  return { state: 'yes', says: `the newest is in ${statuses.map(({ store }) => store).join(', ')}`, at: newest };
}

/** A restore that was never tried has no answer; one that was tried too long ago has. */
export async function drill({ config, environment }: About): Promise<Answer> {
  if (await isNew({ config, environment })) return { state: 'none', says: 'nothing is there yet that could be lost' };
  const { statuses, findings } = await readBackupStatus(config, environment, new Date());
  const overdue = findings.find(({ code }) => code === 'DRILL_OVERDUE');
  const last = statuses
    .flatMap(({ lastDrill }) => lastDrill ?? [])
    .sort()
    .at(-1);
  if (overdue) return { state: last ? 'no' : 'unknown', says: overdue.message.replace(/\.$/, ''), at: last };
  const { drillDays } = backupsSection.of(config).limits;
  return { state: 'yes', says: `passed, and is due every ${drillDays} days`, at: last };
}

/** Nothing was ever released there, and no migration is applied. */
async function isNew({ config, environment }: Pick<About, 'config' | 'environment'>): Promise<boolean> {
  const live = await withRecord(config, environment, (record) => record.live());
  return !live && (await readState(targetOf(config, environment))).applied.length === 0;
}
