#!/usr/bin/env node
// Stands beside a run of the tests, holds what its suites share, and clears up after it however it ends: the run holds
// the other end of our standard input, which also closes when it is killed.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { startTestPostgres } from '@drydock/sandbox/testing';
import { kill, sweep } from './sweep.ts';

const { values, positionals } = parseArgs({ allowPositionals: true, options: { postgres: { type: 'boolean' } } });
const postgres = values.postgres ? await startTestPostgres({ own: true }) : undefined;
console.log(JSON.stringify({ postgres: postgres?.adminUrl }));

/** Process groups of the suites that run. */
const suites = new Set<number>();
for await (const line of createInterface({ input: process.stdin })) {
  const pid = Number(line.slice(1));
  if (line.startsWith('+')) suites.add(pid);
  else suites.delete(pid);
}
for (const pid of suites) kill(-pid);
await postgres?.stop();
for (const folder of positionals) {
  for (const suite of readdirSync(folder)) await sweep(join(folder, suite));
  await sweep(folder);
}
