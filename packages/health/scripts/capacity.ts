#!/usr/bin/env node
import { main } from '@drydock/kit';
import { capacityTask } from '../src/tasks/capacity.ts';

await main(capacityTask);
