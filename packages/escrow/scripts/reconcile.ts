#!/usr/bin/env node
import { main } from '@drydock/kit';
import { reconcileTask } from '../src/tasks/reconcile.ts';

await main(reconcileTask);
