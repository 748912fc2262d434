#!/usr/bin/env node
import { main } from '@drydock/kit';
import { createDryRunTask } from '../src/tasks/dry-run.ts';

await main(
  createDryRunTask(async (where, id) => {
    const { rehearsalOnBackup } = await import('@drydock/backups');
    return rehearsalOnBackup(where, id);
  }),
);
