import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { exec, type LoadedConfig } from '@drydock/kit';
import type { ReleaseConfig } from '../config.ts';
import type { ArtifactStore } from './store.ts';
import type { Artifact } from './types.ts';

export interface BuildInput {
  config: LoadedConfig;
  release: ReleaseConfig;
  store: ArtifactStore;
  commit: string;
  /** What the product's build may know: see Environment.forChild. */
  env: Record<string, string>;
  signal: AbortSignal;
  onLine(line: string): void;
}

/** Exports the commit (never the working tree), runs the product's build commands in it, and keeps it by content. */
export async function buildArtifact({
  config,
  release,
  store,
  commit,
  env,
  signal,
  onLine,
}: BuildInput): Promise<Artifact> {
  const folder = await store.workspace();
  await exportCommit(config.root, commit, release.artifact.include, folder, signal);
  for (const { command, cwd } of release.artifact.build) {
    const [program = '', ...args] = command.map((part) => part.replaceAll('{artifact}', folder));
    onLine(command.join(' '));
    await exec(program === 'node' ? process.execPath : program, args, {
      cwd: cwd === 'checkout' ? config.root : folder,
      env: { ...env, CI: 'true' },
      signal,
      onLine,
    });
  }
  return store.keep(folder, commit);
}

async function exportCommit(
  root: string,
  commit: string,
  include: string[],
  folder: string,
  signal: AbortSignal,
): Promise<void> {
  const tar = join(folder, '.export.tar');
  await exec('git', ['archive', '--format=tar', '-o', tar, commit, '--', ...include], { cwd: root, signal });
  await exec('tar', ['-xf', tar, '-C', folder], { signal });
  await rm(tar);
}
