#!/usr/bin/env node
import { main } from '@drydock/kit';
import { backupTask } from '../src/tasks/backup.ts';

export default backupTask;
await main(backupTask, import.meta);
