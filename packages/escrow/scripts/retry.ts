#!/usr/bin/env node
import { main } from '@drydock/kit';
import { retryTask } from '../src/tasks/retry.ts';

await main(retryTask);
