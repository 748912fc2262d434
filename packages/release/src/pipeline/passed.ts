import { checkHealth } from '@drydock/health';
import { defineStep, type EnvName, type Step, type TaskContext } from '@drydock/kit';
import { withRecord } from '../record/record.ts';
import { refuseUnhealthy } from './look.ts';
import type { Staged } from './stage.ts';

/** Section 2, step 9. That all of it passed here is kept as evidence: what follows asks for it, from whatever checkout. */
export function passedStep(ctx: TaskContext, env: EnvName, staged: Step<Staged>): Step {
  const environment = ctx.environmentOf(env);
  return defineStep({
    name: 'post-deploy check',
    async run({ results, run }) {
      refuseUnhealthy(env, await checkHealth(ctx.config, environment), ' after the release');
      const { commit, digest, version } = results.of(staged).instance;
      await withRecord(ctx.config, environment, (record) =>
        record.putEvidence({
          commit,
          item: PASSED,
          ok: true,
          says: digest,
          link: null,
          by: ctx.actor,
          until: null,
          run,
        }),
      );
      return { healthy: env, version };
    },
  });
}

/** A release of this very artefact went through all of its steps. */
export const PASSED = 'release passed';
