#!/usr/bin/env node
import { main } from '@drydock/kit';
import { restoreTask } from '../src/tasks/restore.ts';

await main(restoreTask);
