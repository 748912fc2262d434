#!/usr/bin/env node
import { envClaimTask } from '../src/env/claim.ts';
import { main } from '../src/task/main.ts';

export default envClaimTask;
await main(envClaimTask, import.meta);
