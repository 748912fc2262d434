#!/usr/bin/env node
import { main } from '@drydock/kit';
import { watchTask } from '../src/tasks/watch.ts';

export default watchTask;
await main(watchTask, import.meta);
