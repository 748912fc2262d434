#!/usr/bin/env node
import { main } from '@drydock/kit';
import { releaseStatusTask } from '../src/tasks.ts';

export default releaseStatusTask;
await main(releaseStatusTask, import.meta);
