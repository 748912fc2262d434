#!/usr/bin/env node
import { main } from '@drydock/kit';
import { createConsoleTask } from '../src/tasks/console.ts';
import { readers } from './readers.ts';

await main(createConsoleTask(readers));
