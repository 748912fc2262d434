#!/usr/bin/env node
import { main } from '@drydock/kit';
import { downTask } from '../src/tasks/down.ts';

await main(downTask);
