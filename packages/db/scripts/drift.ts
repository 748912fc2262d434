#!/usr/bin/env node
import { main } from '@drydock/kit';
import { driftTask } from '../src/tasks/drift.ts';

await main(driftTask);
