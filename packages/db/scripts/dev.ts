#!/usr/bin/env node
import { main } from '@drydock/kit';
import { devTask } from '../src/tasks/dev.ts';

await main(devTask);
