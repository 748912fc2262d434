#!/usr/bin/env node
import { main } from '@drydock/kit';
import { createDryRunTask } from '../src/tasks/dry-run.ts';

const task = createDryRunTask(async (ctx, id, trust) => {
  const { rehearsalOnBackup } = await import('@drydock/backups');
  return rehearsalOnBackup(ctx, id, trust);
});

export default task;
await main(task, import.meta);
