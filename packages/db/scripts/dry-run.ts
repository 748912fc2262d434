#!/usr/bin/env node
import { main } from '@drydock/kit';
import { createDryRunTask } from '../src/tasks/dry-run.ts';

await main(
  createDryRunTask(async ({ config, environment }, id) => {
    const { findBackup, restoreInto } = await import('@drydock/backups');
    const source = await findBackup(config, environment, id);
    return (empty) => restoreInto(source, empty);
  }),
);
