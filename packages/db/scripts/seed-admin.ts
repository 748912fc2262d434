#!/usr/bin/env node
import { main } from '@drydock/kit';
import { seedAdminTask } from '../src/seed/task.ts';

await main(seedAdminTask);
