#!/usr/bin/env node
import { main } from '@drydock/kit';
import { checkTask } from '../src/tasks/check.ts';

await main(checkTask);
