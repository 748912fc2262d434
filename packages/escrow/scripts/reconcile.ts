#!/usr/bin/env node
import { main } from '@drydock/kit';
import { reconcileTask } from '../src/tasks/reconcile.ts';

export default reconcileTask;
await main(reconcileTask, import.meta);
