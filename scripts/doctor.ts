#!/usr/bin/env node
import { main } from '@drydock/kit';
import { doctorTask } from './doctor/task.ts';

await main(doctorTask);
