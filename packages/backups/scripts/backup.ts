#!/usr/bin/env node
import { main } from '@drydock/kit';
import { backupTask } from '../src/tasks.ts';

await main(backupTask);
