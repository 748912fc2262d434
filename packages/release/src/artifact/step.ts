import { defineStep, type EnvName, OpsError, type Step, type TaskContext } from '@drydock/kit';
import { buildArtifact } from './build.ts';
import { artifactStore } from './store.ts';
import type { Artifact, ArtifactStore } from './types.ts';

interface Options {
  /** Those that get it: where each has a store of its own, it is in all of them. By itself the one that the run is about. */
  environments?: EnvName[];
  /** One that was changed where it lies is built again in its place, not refused. */
  mends?: boolean;
}

/** The artefact of a commit: the one that is there, its archive being what was written, or a new one. */
export function artifactStep(
  ctx: TaskContext,
  commit: string,
  { environments = [], mends }: Options = {},
): Step<Artifact> {
  const { config, environment, environmentOf } = ctx;
  const store = artifactStore(config, environment);
  // Two that are called the same may lie at different endpoints: each is asked for itself.
  const apart = environments.filter((env) => env !== ctx.env).map((env) => artifactStore(config, environmentOf(env)));
  return defineStep<Artifact>({
    name: 'build artifact',
    alwaysCheck: true,
    async check({ signal }) {
      try {
        const found = await foundIn([store, ...apart], commit, signal);
        if (found) await inAll([store, ...apart], found, signal);
        return found;
      } catch (error) {
        if (!mends || !(error instanceof OpsError && MENDED.has(error.code))) throw error;
        ctx.out.warn(`${error.message} It is built again.`);
        return undefined;
      }
    },
    async run({ detail, signal, run }) {
      const artifact = await buildArtifact({ config, environment, store, commit, run, signal, onLine: detail });
      await inAll([store, ...apart], artifact, signal);
      return artifact;
    },
    async verify({ signal }, artifact) {
      // Unpacked and compared with its digest it is where it is started.
      for (const each of [store, ...apart]) await each.holds(artifact, signal);
    },
  });
}

const MENDED = new Set(['ARTIFACT_CHANGED', 'ARTIFACT_MISSING', 'ARTIFACT_UNSIGNED']);

async function foundIn(stores: ArtifactStore[], commit: string, signal: AbortSignal): Promise<Artifact | undefined> {
  for (const store of stores) {
    const found = await store.byCommit(commit);
    if (!found) continue;
    await store.holds(found, signal);
    return found;
  }
  return undefined;
}

async function inAll(stores: ArtifactStore[], artifact: Artifact, signal: AbortSignal): Promise<void> {
  const has = await Promise.all(stores.map(async (store) => (await store.find(artifact.digest)) !== undefined));
  const from = stores[has.indexOf(true)];
  for (const [n, store] of stores.entries()) if (from && !has[n]) await store.copyFrom(from, artifact, signal);
}
