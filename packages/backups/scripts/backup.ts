#!/usr/bin/env node
import { main } from '@drydock/kit';
import { backupTask } from '../src/tasks/backup.ts';

await main(backupTask);
