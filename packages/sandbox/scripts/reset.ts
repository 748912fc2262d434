#!/usr/bin/env node
import { main } from '@drydock/kit';
import { resetTask } from '../src/tasks.ts';

await main(resetTask);
