#!/usr/bin/env node
import { envClaimTask } from '../src/env/claim.ts';
import { main } from '../src/task/main.ts';

await main(envClaimTask);
