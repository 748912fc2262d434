#!/usr/bin/env node
import { backupStep, backupTarget, newBackupId } from '@drydock/backups';
import { defineGroup, main } from '@drydock/kit';
import { createDeployTask } from '../src/tasks/deploy.ts';

const task = createDeployTask(
  (ctx) =>
    defineGroup({
      name: 'backup first',
      plan: async () => ({ id: newBackupId() }),
      steps: ({ id }) => [backupStep(backupTarget(ctx), id)],
    }),
  async (where, id) => {
    const { rehearsalOnBackup } = await import('@drydock/backups');
    return rehearsalOnBackup(where, id);
  },
);

export default task;
await main(task, import.meta);
