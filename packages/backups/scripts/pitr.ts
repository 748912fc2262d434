#!/usr/bin/env node
import { main } from '@drydock/kit';
import { pitrTask } from '../src/tasks/pitr.ts';

export default pitrTask;
await main(pitrTask, import.meta);
