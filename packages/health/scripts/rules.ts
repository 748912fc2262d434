#!/usr/bin/env node
import { main } from '@drydock/kit';
import { rulesTask } from '../src/tasks/rules.ts';

await main(rulesTask);
