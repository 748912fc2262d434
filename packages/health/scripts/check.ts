#!/usr/bin/env node
import { main } from '@drydock/kit';
import { probeBackup } from '../src/check/backup.ts';
import { createCheckTask } from '../src/tasks/check.ts';

const task = createCheckTask((config, environment) =>
  probeBackup(config, environment, async () => {
    const { readBackupStatus } = await import('@drydock/backups');
    return readBackupStatus(config, environment, new Date());
  }),
);

export default task;
await main(task, import.meta);
