#!/usr/bin/env node
import { main } from '@drydock/kit';
import { rollbackTask } from '../src/tasks/rollback.ts';

export default rollbackTask;
await main(rollbackTask, import.meta);
