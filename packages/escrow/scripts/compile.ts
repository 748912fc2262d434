#!/usr/bin/env node
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { compileContracts } from '../src/contracts/compile.ts';

const root = join(import.meta.dirname, '..');
for (const { docs: _, ...artifact } of await compileContracts(join(root, 'contracts'))) {
  writeFileSync(join(root, 'artifacts', `${artifact.contractName}.json`), `${JSON.stringify(artifact, null, 2)}\n`);
}
