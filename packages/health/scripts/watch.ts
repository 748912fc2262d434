#!/usr/bin/env node
import { main } from '@drydock/kit';
import { watchTask } from '../src/tasks/watch.ts';

await main(watchTask);
