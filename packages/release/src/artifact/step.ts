import { defineStep, OpsError, type Step, type TaskContext } from '@drydock/kit';
import { buildArtifact } from './build.ts';
import { artifactStore } from './store.ts';
import type { Artifact } from './types.ts';

/**
 * The artefact of a commit: the one that is there, or a new one. One that was changed where it lies is refused; with `mends`, built
 * again in its place.
 */
export function artifactStep(ctx: TaskContext, commit: string, { mends = false } = {}): Step<Artifact> {
  const { config, environment } = ctx;
  const store = artifactStore(config, environment);
  return defineStep<Artifact>({
    name: 'build artifact',
    alwaysCheck: true,
    async check({ signal }) {
      const found = await store.byCommit(commit);
      if (!found || !mends) return found;
      try {
        await store.verify(found, signal);
        return found;
      } catch (error) {
        if (!(error instanceof OpsError && MENDED.has(error.code))) throw error;
        ctx.out.warn(`${error.message} It is built again.`);
        return undefined;
      }
    },
    run: ({ detail, signal, run }) =>
      buildArtifact({ config, environment, store, commit, run, signal, onLine: detail }),
    verify: ({ signal }, artifact) => store.verify(artifact, signal),
  });
}

const MENDED = new Set(['ARTIFACT_CHANGED', 'ARTIFACT_MISSING', 'ARTIFACT_UNSIGNED']);
