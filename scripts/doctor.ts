#!/usr/bin/env node
import { main } from '@drydock/kit';
import { doctorTask } from './doctor/task.ts';

export default doctorTask;
await main(doctorTask, import.meta);
