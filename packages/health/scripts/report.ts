#!/usr/bin/env node
import { main } from '@drydock/kit';
import { createReportTask } from '../src/tasks/report.ts';
import { readers } from './readers.ts';

const task = createReportTask(readers);

export default task;
await main(task, import.meta);
