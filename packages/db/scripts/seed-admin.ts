#!/usr/bin/env node
import { main } from '@drydock/kit';
import { seedAdminTask } from '../src/seed/task.ts';

export default seedAdminTask;
await main(seedAdminTask, import.meta);
