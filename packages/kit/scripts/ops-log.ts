#!/usr/bin/env node
import { logTask } from '../src/ops/log.ts';
import { main } from '../src/task/main.ts';

export default logTask;
await main(logTask, import.meta);
