import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ContractArtifact } from './compile.ts';

export type ContractName = 'EscrowFactory' | 'MilestoneEscrow' | 'Certificate' | 'BatchReader';

const FOLDER = join(import.meta.dirname, '../../artifacts');

export function loadArtifact(name: ContractName): ContractArtifact {
  return JSON.parse(readFileSync(join(FOLDER, `${name}.json`), 'utf8')) as ContractArtifact;
}
