#!/usr/bin/env node
import { main } from '@drydock/kit';
import { capacityTask } from '../src/tasks/capacity.ts';

export default capacityTask;
await main(capacityTask, import.meta);
