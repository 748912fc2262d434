#!/usr/bin/env node
import { main } from '@drydock/kit';
import { probeBackup } from '../src/check/backup.ts';
import { createCheckTask } from '../src/tasks/check.ts';

await main(
  createCheckTask((config, environment) =>
    probeBackup(config, environment, async () => {
      const { readBackupStatus } = await import('@drydock/backups');
      return readBackupStatus(config, environment, new Date());
    }),
  ),
);
