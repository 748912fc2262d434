#!/usr/bin/env node
import { envCheckTask } from '../src/env/check.ts';
import { main } from '../src/task/main.ts';

export default envCheckTask;
await main(envCheckTask, import.meta);
