#!/usr/bin/env node
import { main } from '@drydock/kit';
import { devTask } from '../src/tasks/dev.ts';

export default devTask;
await main(devTask, import.meta);
