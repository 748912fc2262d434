#!/usr/bin/env node
import { lockTask } from '../src/ops/lock.ts';
import { main } from '../src/task/main.ts';

export default lockTask;
await main(lockTask, import.meta);
