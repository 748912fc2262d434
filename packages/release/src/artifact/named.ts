import { command, hint, usageError } from '@drydock/kit';
import type { Artifact, ArtifactStore } from './types.ts';

/** By version, tag, digest or commit, also shortened; refused (exit 2) where the store has nothing of that name. */
export async function artifactNamed(store: ArtifactStore, name: string): Promise<Artifact> {
  const found = await store.find(name);
  if (found) return found;
  const last = (await store.list()).slice(0, 3).map(({ version, tag }) => (tag ? `${version} (${tag})` : version));
  throw usageError(
    'VERSION_UNKNOWN',
    `There is no artefact ${name} in ${store.label}${last.length > 0 ? `; the last ones are ${last.join(', ')}` : ', and no other'}.`,
    hint`Build it, on its commit: ${command('release:build')}`,
  );
}
