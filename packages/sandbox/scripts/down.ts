#!/usr/bin/env node
import { main } from '@drydock/kit';
import { downTask } from '../src/tasks.ts';

await main(downTask);
