#!/usr/bin/env node
import { main } from '@drydock/kit';
import { resolveTask } from '../src/tasks/resolve.ts';

export default resolveTask;
await main(resolveTask, import.meta);
