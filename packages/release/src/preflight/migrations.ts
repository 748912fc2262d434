import { planDeploy, rehearseAndRefuse, targetOf } from '@drydock/db';
import type { Environment, LoadedConfig } from '@drydock/kit';
import { driverOf } from '../driver/driver.ts';
import { UNKNOWN_VERSION } from '../driver/types.ts';
import type { Question } from '../question.ts';

/**
 * Can the version that serves now live with what is pending? It goes on serving until the switch, and comes back if the release
 * fails: a contract that it still uses is refused before anything is changed anywhere.
 */
export function migrationsQuestion(
  config: LoadedConfig,
  environment: Environment,
  { accept, warn }: { accept: string[]; warn(text: string): void },
): Question {
  return {
    about: 'migrations',
    async ask() {
      const target = targetOf(config, environment);
      const { pending } = await planDeploy(target);
      if (pending.length === 0) return 'none pending';
      const commit = await servingCommit(config, environment);
      if (commit === undefined) return `${pending.length} pending, and nothing serves`;
      const running = commit === UNKNOWN_VERSION ? undefined : commit;
      await rehearseAndRefuse(target, { accept, running, content: async () => 'schema' }, { detail: () => {}, warn });
      return `${pending.length} pending; ${running ? running.slice(0, 10) : 'what serves'} can live with them`;
    },
  };
}

/** Undefined where nothing serves, or where that cannot be asked: then the question about the proxy says so. */
async function servingCommit(config: LoadedConfig, environment: Environment): Promise<string | undefined> {
  return driverOf(config, environment)
    .inspect()
    .then(
      ({ live }) => live?.commit,
      () => undefined,
    );
}
