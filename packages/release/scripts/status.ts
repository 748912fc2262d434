#!/usr/bin/env node
import { main } from '@drydock/kit';
import { releaseStatusTask } from '../src/tasks.ts';

await main(releaseStatusTask);
