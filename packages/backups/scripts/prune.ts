#!/usr/bin/env node
import { main } from '@drydock/kit';
import { pruneTask } from '../src/tasks/prune.ts';

export default pruneTask;
await main(pruneTask, import.meta);
