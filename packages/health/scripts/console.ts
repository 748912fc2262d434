#!/usr/bin/env node
import { main } from '@drydock/kit';
import { createConsoleTask } from '../src/tasks/console.ts';
import { readers } from './readers.ts';

const task = createConsoleTask(readers);

export default task;
await main(task, import.meta);
