#!/usr/bin/env node
import { main } from '@drydock/kit';
import { statusTask } from '../src/tasks/status.ts';

export default statusTask;
await main(statusTask, import.meta);
