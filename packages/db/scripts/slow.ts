#!/usr/bin/env node
import { main } from '@drydock/kit';
import { slowTask } from '../src/tasks/slow.ts';

export default slowTask;
await main(slowTask, import.meta);
