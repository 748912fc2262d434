#!/usr/bin/env node
import { main } from '@drydock/kit';
import { restoreTask } from '../src/tasks/restore.ts';

export default restoreTask;
await main(restoreTask, import.meta);
