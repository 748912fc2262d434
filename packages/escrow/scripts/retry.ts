#!/usr/bin/env node
import { main } from '@drydock/kit';
import { retryTask } from '../src/tasks/retry.ts';

export default retryTask;
await main(retryTask, import.meta);
