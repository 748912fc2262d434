import { join } from 'node:path';
import { defineStep, type EnvName, exec, OpsError, type Step, type TaskContext } from '@drydock/kit';
import { artifactStore } from '../artifact/store.ts';
import type { Artifact } from '../artifact/types.ts';
import { inWorkspace } from '../artifact/workspace.ts';

/** Where environments do not share a store, the artefact is copied from that of the last: the same files, by the same digest. */
export function promoteSteps(ctx: TaskContext, env: EnvName, built: Step<Artifact>): Step[] {
  if (env === ctx.env) return [];
  const { config } = ctx;
  const from = artifactStore(config, ctx.environment);
  const to = artifactStore(config, ctx.environmentOf(env));
  return [
    defineStep({
      name: 'promote artifact',
      alwaysCheck: true,
      async check({ results }) {
        const { digest } = results.of(built);
        return (await to.find(digest)) ? { digest } : undefined;
      },
      async run({ results, run, signal, detail }) {
        const artifact = results.of(built);
        const { stdout } = await exec('git', ['log', '-1', '--format=%ct', artifact.commit], {
          cwd: config.root,
          signal,
        });
        const bom = await from.bomOf(artifact);
        await inWorkspace({ product: config.product, run, signal, onLine: detail }, async (folder) => {
          const tree = join(folder, artifact.version);
          await from.unpack(artifact, tree, signal);
          const { inputs, tag, changelog } = artifact;
          await to.keep(tree, artifact.commit, { signal, time: Number(stdout.trim()), bom, inputs, tag, changelog });
        });
        return { digest: artifact.digest };
      },
      async verify({ results, signal }) {
        const artifact = results.of(built);
        const found = await to.find(artifact.digest);
        if (!found)
          throw new OpsError({ code: 'NOT_PROMOTED', message: `Version ${artifact.version} is not in ${to.label}.` });
        await to.verify(found, signal);
      },
    }),
  ];
}
