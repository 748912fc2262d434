#!/usr/bin/env node
import { defineReadTask, main } from '@drydock/kit';
import { compareLive, readLive } from '../src/check.ts';
import { readBackupStatus } from '../src/read-status.ts';

const task = defineReadTask({
  name: 'backup:check',
  summary: 'Holds the newest backup against the database that runs: structure, tables, and about how many rows.',
  description:
    'Cheap enough for every night: the manifest, the catalogues and the statistics of the server are read, no rows. Exit 3 if the newest good\n' +
    'backup is older than backups.limits.ageHours, or has not what a database of the same migration has. What a backup holds, a drill proves.',
  examples: ['npm run backup:check -- --env production'],
  async run({ config, environment, env }) {
    const now = new Date();
    const [{ newest, findings }, live] = await Promise.all([
      readBackupStatus(config, environment, now),
      readLive(config, environment),
    ]);
    // Of drills, size and RPO backup:status says whether they are as they should be.
    const fresh = findings.filter(({ code }) => !OF_STATUS.includes(code));
    const compared = newest ? compareLive(newest, live, env) : [];
    const all = [...fresh, ...compared];
    const good = all.every(({ level }) => level !== 'error');
    return {
      verdict: !newest
        ? `${env} has no backup to compare with.`
        : good
          ? `${newest.id} of ${env} has what the database has.`
          : `${newest.id} of ${env} is not what has to be at hand.`,
      ok: good && newest !== undefined,
      data: { backup: newest?.id ?? null, startedAt: newest?.startedAt ?? null, migrationHead: live.migrationHead },
      findings: all,
    };
  },
});

const OF_STATUS = ['DRILL_OVERDUE', 'DUMPS_DO_NOT_SERVE'];

export default task;
await main(task, import.meta);
