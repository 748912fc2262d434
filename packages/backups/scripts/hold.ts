#!/usr/bin/env node
import { main } from '@drydock/kit';
import { holdTask } from '../src/tasks/hold.ts';

await main(holdTask);
