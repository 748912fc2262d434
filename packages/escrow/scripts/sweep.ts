#!/usr/bin/env node
import { main } from '@drydock/kit';
import { sweepTask } from '../src/tasks/sweep.ts';

export default sweepTask;
await main(sweepTask, import.meta);
