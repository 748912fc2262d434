#!/usr/bin/env node
import { defineReadTask, type Json, main } from '@drydock/kit';
import { artifactStore } from '../src/artifact/store.ts';
import { UNKNOWN_VERSION } from '../src/driver/types.ts';
import { whatServes } from '../src/serving.ts';

const task = defineReadTask({
  name: 'release:status',
  summary: 'Shows which version is live in an environment, and which artefacts are at hand for a rollback.',
  examples: ['npm run release:status -- --env production', 'npm run release:status -- --env staging --json'],
  async run({ config, environment, out }) {
    const { live, idle, said, sentence } = await whatServes(config, environment);
    const artifacts = await artifactStore(config, environment).list();
    out.table(
      ['version', 'commit', 'built', ''],
      artifacts.map(({ version, commit, builtAt }) => [
        version,
        commit.slice(0, 10),
        builtAt,
        version === live?.version ? 'live' : version === idle?.version ? 'before' : '',
      ]),
    );
    const version = live?.version === UNKNOWN_VERSION ? (said ?? live.version) : live?.version;
    return {
      verdict: sentence,
      ...(live ? {} : { mark: 'plain' as const }),
      data: {
        live: live ? { ...live, version: version ?? null } : null,
        idle: idle ?? null,
        artifacts: artifacts as unknown as Json,
      },
    };
  },
});

export default task;
await main(task, import.meta);
