#!/usr/bin/env node
import { main } from '@drydock/kit';
import { keygenTask } from '../src/tasks/keygen.ts';

export default keygenTask;
await main(keygenTask, import.meta);
