#!/usr/bin/env node
import { main } from '@drydock/kit';
import { rollbackTask } from '../src/tasks.ts';

await main(rollbackTask);
