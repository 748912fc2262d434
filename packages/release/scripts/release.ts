#!/usr/bin/env node
import { main } from '@drydock/kit';
import { releaseTask } from '../src/tasks.ts';

await main(releaseTask);
