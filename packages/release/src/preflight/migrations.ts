import { planDeploy, rehearseAndRefuse, targetOf } from '@drydock/db';
import type { Environment, LoadedConfig } from '@drydock/kit';
import type { Question } from '../question.ts';
import { servingCommit } from '../running.ts';

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
      const running = await servingCommit(config, environment);
      await rehearseAndRefuse(target, { accept, running, content: async () => 'schema' }, { detail: () => {}, warn });
      return `${pending.length} pending; ${running ? running.slice(0, 10) : 'what is there'} can live with them`;
    },
  };
}
