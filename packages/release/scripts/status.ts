#!/usr/bin/env node
import { checkHealth } from '@drydock/health';
import { defineReadTask, type Json, main } from '@drydock/kit';
import { ArtifactStore } from '../src/artifact/store.ts';
import { releaseConfig } from '../src/config.ts';
import { LocalDriver } from '../src/driver/local.ts';

const task = defineReadTask({
  name: 'release:status',
  summary: 'Shows which version is live in an environment, and which artefacts are at hand for a rollback.',
  async run({ config, environment, env, out }) {
    const release = releaseConfig(config);
    const { live, idle } = await new LocalDriver(config, release, environment).inspect();
    const artifacts = await new ArtifactStore(config.root).list();
    out.table(
      ['version', 'commit', 'built', ''],
      artifacts.map(({ version, commit, builtAt }) => [
        version,
        commit.slice(0, 10),
        builtAt,
        version === live?.version ? 'live' : version === idle?.version ? 'before' : '',
      ]),
    );
    if (live?.elsewhere) {
      // Whoever started it, it tells its version itself.
      const version = await checkHealth(config, environment).then(
        (said) => said.version,
        () => undefined,
      );
      return {
        verdict: `${env} is on ${version ? `version ${version}` : 'a version that does not tell its name'}, slot ${live.slot}, started from another checkout.`,
        data: {
          live: { ...live, version: version ?? live.version },
          idle: idle ?? null,
          artifacts: artifacts as unknown as Json,
        },
      };
    }
    return {
      verdict: live
        ? `${env} is on version ${live.version} (${live.commit.slice(0, 10)}), slot ${live.slot}.`
        : `Nothing is live on ${env}.`,
      ...(live ? {} : { mark: 'plain' }),
      data: { live: live ?? null, idle: idle ?? null, artifacts: artifacts as unknown as Json },
    };
  },
});

export default task;
await main(task, import.meta);
