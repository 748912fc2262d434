#!/usr/bin/env node
import { main } from '@drydock/kit';
import { inspectTask } from '../src/tasks/inspect.ts';

export default inspectTask;
await main(inspectTask, import.meta);
