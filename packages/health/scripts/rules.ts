#!/usr/bin/env node
import { main } from '@drydock/kit';
import { rulesTask } from '../src/tasks/rules.ts';

export default rulesTask;
await main(rulesTask, import.meta);
