#!/usr/bin/env node
import { main } from '@drydock/kit';
import { rollbackTask } from '../src/tasks/rollback.ts';

await main(rollbackTask);
