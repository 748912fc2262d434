#!/usr/bin/env node
import { main } from '@drydock/kit';
import { listTask } from '../src/tasks/list.ts';

export default listTask;
await main(listTask, import.meta);
