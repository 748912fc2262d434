import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type Finding, temporaryFolder } from '@drydock/kit';
import { type BuildInput, buildTree } from './build.ts';
import { hashTree } from './hash.ts';
import type { Artifact, ArtifactStore } from './types.ts';
import { inWorkspace } from './workspace.ts';

/** What differs between an artefact and another build of its commit, in another folder: by path. */
export async function differences(artifact: Artifact, store: ArtifactStore, input: BuildInput): Promise<string[]> {
  const { signal, config } = input;
  const again = new Map<string, string>();
  // A folder of another name: what writes down where it was built shows.
  const second = await inWorkspace({ ...input, product: `${config.product}-again` }, async (folder) => {
    await buildTree(folder, input);
    return hashTree(folder, signal, (path, sum) => again.set(path, sum));
  });
  if (second.digest === artifact.digest) return [];
  const first = await sumsOf(artifact, store, signal);
  const paths = new Set([...first.keys(), ...again.keys()]);
  return [...paths].filter((path) => first.get(path) !== again.get(path)).sort();
}

async function sumsOf(artifact: Artifact, store: ArtifactStore, signal: AbortSignal): Promise<Map<string, string>> {
  const folder = mkdtempSync(join(temporaryFolder(), 'drydock-first-'));
  const sums = new Map<string, string>();
  try {
    await store.unpack(artifact, join(folder, 'tree'), signal);
    await hashTree(join(folder, 'tree'), signal, (path, sum) => sums.set(path, sum));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return sums;
}

const SHOWN = 10;

export function notReproducible(paths: string[]): Finding {
  const more = paths.length > SHOWN ? ` and ${paths.length - SHOWN} more` : '';
  return {
    level: 'error',
    code: 'NOT_REPRODUCIBLE',
    message: `Built a second time ${paths.length === 1 ? 'one file is' : `${paths.length} files are`} another: ${paths.slice(0, SHOWN).join(', ')}${more}.`,
    hint: 'What writes the time, a random name or its own folder into them? SOURCE_DATE_EPOCH is the commit’s time; release.artifact.exclude takes out what is not needed.',
  };
}
