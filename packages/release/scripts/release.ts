#!/usr/bin/env node
import { main } from '@drydock/kit';
import { releaseTask } from '../src/tasks.ts';

export default releaseTask;
await main(releaseTask, import.meta);
