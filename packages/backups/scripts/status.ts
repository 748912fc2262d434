#!/usr/bin/env node
import { defineReadTask, type Json, main } from '@drydock/kit';
import { shownBytes } from '../src/pace.ts';
import { readBackupStatus } from '../src/read-status.ts';

const task = defineReadTask({
  name: 'backup:status',
  summary: 'Says whether backups and drills are as recent as they have to be.',
  description:
    'Age of the newest good backup, the last drill and when the next is due, size and how it grows. Exit 3 past backups.limits, and where\n' +
    'size or RPO are beyond what dumps can serve.',
  examples: ['npm run backup:status -- --env production'],
  async run({ config, environment, env, out }) {
    const { statuses, plainBytes, findings } = await readBackupStatus(config, environment, new Date());
    out.table(
      ['store', 'backups', 'newest', 'age', 'size', 'in a month', 'last drill', 'next drill'],
      statuses.map((status) => [
        status.store,
        String(status.count),
        status.newest ?? '–',
        status.ageHours === null ? '–' : `${status.ageHours.toFixed(1)} h`,
        shownBytes(status.bytes),
        status.growth === null ? '–' : `× ${status.growth.toFixed(2)}`,
        status.lastDrill?.slice(0, 10) ?? '–',
        status.nextDrill?.slice(0, 10) ?? '–',
      ]),
    );
    return {
      verdict: findings.length === 0 ? `Backups of ${env} are as they should be.` : `Backups of ${env} want attention.`,
      data: { stores: statuses, plainBytes: plainBytes ?? null } as unknown as Json,
      findings,
    };
  },
});

export default task;
await main(task, import.meta);
