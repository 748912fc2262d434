#!/usr/bin/env node
import { main } from '@drydock/kit';
import { scheduleTask } from '../src/tasks/schedule.ts';

export default scheduleTask;
await main(scheduleTask, import.meta);
