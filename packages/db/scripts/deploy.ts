#!/usr/bin/env node
import { backupStep, backupTarget, newBackupId } from '@drydock/backups';
import { defineGroup, main } from '@drydock/kit';
import { createDeployTask } from '../src/tasks/deploy.ts';

await main(
  createDeployTask(({ config, environment }) =>
    defineGroup({
      name: 'backup first',
      plan: async () => ({ id: newBackupId() }),
      steps: ({ id }) => [backupStep(backupTarget(config, environment), id)],
    }),
  ),
);
