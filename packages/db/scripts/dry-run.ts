#!/usr/bin/env node
import { main } from '@drydock/kit';
import { createDryRunTask } from '../src/tasks/dry-run.ts';

const task = createDryRunTask(async (where, id) => {
  const { rehearsalOnBackup } = await import('@drydock/backups');
  return rehearsalOnBackup(where, id);
});

export default task;
await main(task, import.meta);
