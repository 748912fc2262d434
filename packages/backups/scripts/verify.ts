#!/usr/bin/env node
import { main } from '@drydock/kit';
import { verifyTask } from '../src/tasks/verify.ts';

export default verifyTask;
await main(verifyTask, import.meta);
