#!/usr/bin/env node
import { main } from '@drydock/kit';
import { upTask } from '../src/tasks.ts';

export default upTask;
await main(upTask, import.meta);
