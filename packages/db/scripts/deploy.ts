#!/usr/bin/env node
import { backupStep, backupTarget } from '@drydock/backups';
import { defineGroup, main } from '@drydock/kit';
import { createDeployTask } from '../src/tasks/deploy.ts';

const task = createDeployTask(
  (ctx) =>
    defineGroup({
      name: 'backup first',
      plan: async () => ({}),
      steps: () => [backupStep(backupTarget(ctx))],
    }),
  async (ctx, id, trust) => {
    const { rehearsalOnBackup } = await import('@drydock/backups');
    return rehearsalOnBackup(ctx, id, trust);
  },
);

export default task;
await main(task, import.meta);
