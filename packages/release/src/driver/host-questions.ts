import { type Environment, type LoadedConfig, requireTool } from '@drydock/kit';
import type { ReleaseConfig } from '../config.ts';
import { nodeOfVersions } from '../host/node.ts';
import { startingProgram } from '../host/program.ts';
import { proxyOf, refuseNoProxy } from '../proxy/of.ts';
import type { Question } from '../question.ts';

/** What a release will need of this host: its proxy, its supervisor, and what versions are started by. */
export function questionsOfHost(config: LoadedConfig, release: ReleaseConfig, environment: Environment): Question[] {
  return [
    {
      about: 'proxy',
      ask: async () => {
        refuseNoProxy(config, environment);
        return proxyOf(config, environment).preflight(release.local.instances);
      },
    },
    {
      about: 'supervisor',
      async ask() {
        for (const tool of ['runsvdir', 'chpst', 'svlogd'] as const) requireTool(tool);
        return 'runit';
      },
    },
    { about: "product's Node", ask: async () => nodeOfVersions(config, release.app.node).says },
    { about: "product's program", ask: async () => startingProgram(config, environment, release.app) },
  ];
}
