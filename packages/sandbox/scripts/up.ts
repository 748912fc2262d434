#!/usr/bin/env node
import { main } from '@drydock/kit';
import { upTask } from '../src/tasks.ts';

await main(upTask);
