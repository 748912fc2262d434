#!/usr/bin/env node
import { main } from '@drydock/kit';
import { resetTask } from '../src/tasks.ts';

export default resetTask;
await main(resetTask, import.meta);
