#!/usr/bin/env node
import { main } from '@drydock/kit';
import { dryRunTask } from '../src/tasks.ts';

await main(dryRunTask);
