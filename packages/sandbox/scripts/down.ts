#!/usr/bin/env node
import { main } from '@drydock/kit';
import { downTask } from '../src/tasks.ts';

export default downTask;
await main(downTask, import.meta);
