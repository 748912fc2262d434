#!/usr/bin/env node
import { main } from '@drydock/kit';
import { listTask } from '../src/tasks/list.ts';

await main(listTask);
