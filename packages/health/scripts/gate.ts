#!/usr/bin/env node
import { main } from '@drydock/kit';
import { gateTask } from '../src/tasks/gate.ts';

export default gateTask;
await main(gateTask, import.meta);
