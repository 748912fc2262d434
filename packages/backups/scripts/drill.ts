#!/usr/bin/env node
import { main } from '@drydock/kit';
import { drillTask } from '../src/tasks/drill.ts';

export default drillTask;
await main(drillTask, import.meta);
