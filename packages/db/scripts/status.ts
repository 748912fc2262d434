#!/usr/bin/env node
import { main } from '@drydock/kit';
import { statusTask } from '../src/tasks.ts';

await main(statusTask);
