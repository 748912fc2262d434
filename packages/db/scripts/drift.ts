#!/usr/bin/env node
import { main } from '@drydock/kit';
import { driftTask } from '../src/tasks/drift.ts';

export default driftTask;
await main(driftTask, import.meta);
