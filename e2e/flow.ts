#!/usr/bin/env node
import { runFlow } from './flow/run.ts';

const baseUrl = process.env.BASE_URL ?? process.env.PUBLIC_URL;
const rpcUrl = process.env.CHAIN_RPC_URL?.split(',')[0];
if (!baseUrl || !rpcUrl) {
  console.error('The flow needs PUBLIC_URL (or BASE_URL) and CHAIN_RPC_URL.');
  process.exit(2);
}
try {
  await runFlow({ baseUrl, rpcUrl, say: (line) => console.log(line) });
} catch (error) {
  console.error((error as Error).message);
  process.exit(1);
}
