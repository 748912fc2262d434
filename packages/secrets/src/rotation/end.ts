import { setTimeout as sleep } from 'node:timers/promises';
import { defineGroup, defineStep, type Json, type Step, type StepGroup } from '@drydock/kit';
import { fingerprintsOf, sameValues } from '../values.ts';
import { catchUp } from './behind.ts';
import { stillTaken, stillUsed, stillWorks, unproven } from './errors.ts';
import { ofProduct, type RotationPlan } from './plan.ts';
import { putValues, readStores, redeploy, validateByCommand } from './put.ts';
import { type Rotating, sealValues } from './rotating.ts';
import { type Settled, stragglersOf } from './settle.ts';
import { beyond, endedAs, standingOf } from './stand.ts';

const LOOK_MS = 500;

/** Once it has settled: the old one ends, is tried, and what was done is written down. */
export function endOldGroup(r: Rotating, plan: RotationPlan, settled: Step<Settled>): StepGroup<Json> {
  return defineGroup<Json>({
    name: plan.does === 'takeBack' ? 'end the new one' : 'end the old one',
    ahead:
      plan.emergency || plan.procedure.settleSeconds * 1_000 <= plan.waitMs
        ? 'retire, prove it, document'
        : 'retire, prove it, document: by a later run, once it has settled',
    plan: async ({ results }) => ({ over: results.of(settled).over }),
    keepWhenDone: true,
    steps: (planned) => {
      if (!(planned as { over: boolean }).over) return [];
      return plan.does === 'takeBack'
        ? [withdrawStep(r, plan)]
        : [retireStep(r, plan), proveStep(r, plan), documentStep(r, plan)];
    },
  });
}

function retireStep(r: Rotating, plan: RotationPlan): Step {
  return defineStep<Json>({
    name: 'retire',
    houseKeeping: true,
    alwaysCheck: true,
    check: async () => beyond(r, plan.id, 'retire'),
    async run() {
      const standing = await standingOf(r, plan.id);
      const { rotator, old, next, rotation } = standing;
      // Between the look and now somebody may have come.
      const late = plan.emergency || rotation.phase === 'retire' ? [] : await stragglersOf(r, standing);
      if (late.length > 0) throw stillUsed(r, late);
      await r.withRecord((record) => record.reached(rotation, 'retire'));
      await rotator.retire(old, next);
      const retired = rotator.retired(old, next);
      const before = fingerprintsOf(await readStores(r, Object.keys(retired)));
      await putValues(r, { ...rotator.promoted(old, next), ...retired });
      // A run that was killed in between may have written it, and started nothing with it.
      if (!sameValues(before, fingerprintsOf(retired)) || rotation.phase === 'retire' || plan.does === 'goOn')
        await redeploy(r, ofProduct(plan, retired), async () => void (await validateByCommand(r)));
      await r.withRecord((record) => record.retired(rotation));
      return {};
    },
  });
}

/** The old one is tried. A service may go on taking it for a while: until then it is asked again. */
function proveStep(r: Rotating, plan: RotationPlan): Step {
  return defineStep<Json>({
    name: 'prove',
    houseKeeping: true,
    alwaysCheck: true,
    async check() {
      const ended = await endedAs(r, plan);
      return ended && { proof: ended.proof as Json };
    },
    async run({ signal, detail }) {
      const { rotation, rotator, old, next } = await standingOf(r, plan.id);
      // Another checkout may have written it into its files alone, and what proves it may read it there.
      await putValues(r, { ...rotator.promoted(old, next), ...rotator.retired(old, next) });
      const mayTake = (plan.procedure.refusedWithinSeconds ?? 0) * 1_000;
      const until = Date.parse(rotation.retiredAt ?? '') + mayTake;
      const deadline = Date.now() + plan.waitMs;
      for (;;) {
        const proof = await rotator.proof(old, next).catch((error) => unproven(r, error));
        if (proof.verdict !== 'alive') {
          await r.withRecord((record) => record.proven(rotation, proof));
          await rotator.discard?.(old, next);
          return { proof };
        }
        const now = (await r.withRecord((record) => record.now())).getTime();
        if (now > until) throw stillWorks(r, proof);
        if (Date.now() > deadline) throw stillTaken(r, new Date(until));
        detail('the service still takes the old one');
        await sleep(LOOK_MS, undefined, { signal });
      }
    },
  });
}

function documentStep(r: Rotating, plan: RotationPlan): Step {
  return defineStep<Json>({
    name: 'document',
    houseKeeping: true,
    alwaysCheck: true,
    check: async () => ((await endedAs(r, plan)) ? caughtUp(r) : undefined),
    async run({ audit }) {
      const { rotation, rotator, old, next } = await standingOf(r, plan.id);
      const held = { ...rotator.promoted(old, next), ...rotator.retired(old, next) };
      await putValues(r, held);
      // What is in use from here on, where that is more than what was made: old keys stay beside the new one.
      const inUse = { ...next, ...held };
      if (!sameValues(fingerprintsOf(inUse), fingerprintsOf(next))) {
        const sealed = await sealValues(r, inUse);
        await r.withRecord((record) => record.replaced(rotation, sealed));
      }
      const nextDue = new Date(Date.now() + r.secret.everyDays * 86_400_000).toISOString();
      const { id, generation, emergency, proof } = rotation;
      await audit(
        'secret.rotated',
        {
          secret: r.name,
          kind: plan.kind,
          variables: plan.variables,
          rotation: id,
          generation,
          emergency,
          nextDue,
          proof: proof as Json,
        },
        `rotated-${id}`,
      );
      await r.withRecord((record) => record.done(rotation));
      return { nextDue };
    },
  });
}

/** What is left is that this checkout holds it too. */
async function caughtUp(r: Rotating): Promise<Json> {
  return { variables: await catchUp(r) };
}

/** Of one that is taken back: the new one ends. */
function withdrawStep(r: Rotating, plan: RotationPlan): Step {
  return defineStep<Json>({
    name: 'withdraw',
    houseKeeping: true,
    alwaysCheck: true,
    check: async () => ((await endedAs(r, plan)) ? caughtUp(r) : undefined),
    async run({ audit }) {
      const { rotator, old, next, rotation } = await standingOf(r, plan.id);
      const staged = rotator.staged(old, next);
      const back = Object.fromEntries(Object.entries(old).filter(([name]) => name in staged));
      await putValues(r, old);
      await redeploy(r, ofProduct(plan, back), async () => {});
      await rotator.withdraw(old, next);
      await audit(
        'secret.reverted',
        { secret: r.name, rotation: rotation.id, generation: rotation.generation },
        `reverted-${rotation.id}`,
      );
      await r.withRecord((record) => record.reverted(rotation));
      return {};
    },
  });
}
