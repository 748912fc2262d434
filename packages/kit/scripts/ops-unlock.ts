#!/usr/bin/env node
import { unlockTask } from '../src/ops/unlock.ts';
import { main } from '../src/task/main.ts';

export default unlockTask;
await main(unlockTask, import.meta);
