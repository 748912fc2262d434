#!/usr/bin/env node
import { main } from '@drydock/kit';
import { statusTask } from '../src/tasks/status.ts';

await main(statusTask);
