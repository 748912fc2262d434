#!/usr/bin/env node
import { main } from '@drydock/kit';
import { inspectTask } from '../src/tasks/inspect.ts';

await main(inspectTask);
