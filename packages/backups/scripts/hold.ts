#!/usr/bin/env node
import { main } from '@drydock/kit';
import { holdTask } from '../src/tasks/hold.ts';

export default holdTask;
await main(holdTask, import.meta);
