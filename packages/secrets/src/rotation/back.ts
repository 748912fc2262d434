import { defineStep, type Step } from '@drydock/kit';
import { PHASES } from '../record/types.ts';
import { ofProduct, type RotationPlan, refuseEnded } from './plan.ts';
import { putValues, redeploy } from './put.ts';
import type { Rotating, Standing } from './rotating.ts';
import { endedAs, standingOf } from './stand.ts';

/** The old one is in use again; the new one stays valid for whoever was given it. */
export function bringBackStep(r: Rotating, plan: RotationPlan): Step {
  const values = ({ rotator, old, next }: Standing) => ({ ...old, ...rotator.staged(old, next) });
  return defineStep({
    name: 'bring the old one back',
    alwaysCheck: true,
    async check() {
      if (await endedAs(r, plan)) return {};
      const { rotation } = await standingOf(r, plan.id);
      return rotation.reverting ? {} : undefined;
    },
    async run() {
      const standing = await standingOf(r, plan.id);
      const { rotation } = standing;
      refuseEnded(r, rotation, plan.procedure);
      const before = values(standing);
      await putValues(r, before);
      await redeploy(r, ofProduct(plan, before), async () => {});
      // Before promote, and as long as it stands by, nobody was given it.
      const now = await r.withRecord((record) => record.now());
      const standsBy = rotation.phase === 'promote' && Date.parse(rotation.settlesAt ?? '') > now.getTime();
      const given = PHASES.indexOf(rotation.phase) >= PHASES.indexOf('promote') && !standsBy;
      await r.withRecord((record) => record.demoted(rotation, given ? plan.procedure.settleSeconds : 0));
      return {};
    },
  });
}
