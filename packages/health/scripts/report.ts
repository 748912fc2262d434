#!/usr/bin/env node
import { main } from '@drydock/kit';
import { createReportTask } from '../src/tasks/report.ts';
import { readers } from './readers.ts';

await main(createReportTask(readers));
