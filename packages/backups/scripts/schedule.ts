#!/usr/bin/env node
import { main } from '@drydock/kit';
import { scheduleTask } from '../src/tasks/schedule.ts';

await main(scheduleTask);
