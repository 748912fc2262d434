#!/usr/bin/env node
import { unlockTask } from '../src/ops/unlock.ts';
import { main } from '../src/task/main.ts';

await main(unlockTask);
