#!/usr/bin/env node
import { logTask } from '../src/ops/log.ts';
import { main } from '../src/task/main.ts';

await main(logTask);
