import { command, type EnvName, type Outcome, type Step, type StepResults, type TaskContext } from '@drydock/kit';
import type { Artifact } from '../artifact/types.ts';
import { sayWhatServes, whatServes } from '../serving.ts';
import { notifyFailure } from './notify.ts';
import type { ReleasePlan } from './release.ts';

/** What serves now, asked of the world: that it was switched is no proof. */
export async function outcomeOf(
  { env, config, environmentOf }: TaskContext,
  { commit, environments }: ReleasePlan,
  results: StepResults,
  { built }: { built: Step<Artifact> },
): Promise<Outcome> {
  const { version } = results.of(built);
  const serving = await Promise.all(environments.map((each) => whatServes(config, environmentOf(each))));
  const others = serving.filter(({ live }) => live?.version !== version);
  return {
    verdict:
      others.length === 0
        ? `${commit.slice(0, 10)} is live on ${environments.join(' and ')} as version ${version}.`
        : `${commit.slice(0, 10)} was released as version ${version}, and is not live any more: ${others.map(({ sentence }) => sentence).join(' ')}`,
    ok: others.length === 0,
    data: {
      commit,
      version,
      environments,
      serving: serving.map(({ env: each, live }) => ({ env: each, live: live ?? null })),
    },
    next: command('health:check', { env }),
  };
}

export async function lastWordsOf(ctx: TaskContext, environments: readonly EnvName[]): Promise<string> {
  const says = await sayWhatServes(
    ctx.config,
    environments.map((each) => ctx.environmentOf(each)),
  );
  await notifyFailure(ctx, says);
  return says;
}
