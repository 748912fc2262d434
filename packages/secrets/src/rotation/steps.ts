import { command, defineStep, hint, type Json, OpsError, type Step, type StepNode } from '@drydock/kit';
import type { Phase } from '../record/types.ts';
import { fingerprintsOf, type Values } from '../values.ts';
import { bringBackStep } from './back.ts';
import { addStep, beginStep, makeStep, replaceStep } from './begin.ts';
import { endOldGroup } from './end.ts';
import { ofProduct, type RotationPlan } from './plan.ts';
import { putValues, redeploy, validateByCommand } from './put.ts';
import type { Rotating, Standing } from './rotating.ts';
import { type Settled, settleStep } from './settle.ts';
import { beyond, standingOf } from './stand.ts';
import { afterStandby, standbyStep } from './standby.ts';

export interface RotationSteps {
  nodes: StepNode[];
  /** How far the old one has come to its end. */
  settled: Step<Settled>;
}

/** The way of one rotation: from what the record says on. */
export function rotationSteps(r: Rotating, plan: RotationPlan, actor: string): RotationSteps {
  const settled = settleStep(r, plan);
  const end = endOldGroup(r, plan, settled);
  const before = () => {
    if (plan.does === 'takeBack') return [bringBackStep(r, plan)];
    return plan.emergency ? emergencySteps(r, plan, actor) : ordinarySteps(r, plan, actor);
  };
  return { nodes: [...before(), settled, end], settled };
}

function ordinarySteps(r: Rotating, plan: RotationPlan, actor: string): StepNode[] {
  const standby = standbyStep(r, plan);
  const promote = [
    writeStep(r, plan, {
      name: 'promote',
      from: 'promote',
      values: promotedValues,
      back: backFromPromote,
      demotes: true,
    }),
    startStep(r, plan, {
      name: 'start with the new one',
      from: 'promote',
      to: 'settle',
      values: promotedValues,
      validates: true,
    }),
  ];
  return [
    beginStep(r, plan, actor),
    makeStep(r, plan),
    addStep(r, plan),
    writeStep(r, plan, {
      name: 'stage',
      from: 'stage',
      values: ({ rotator, old, next }) => rotator.staged(old, next),
      back: ({ old }) => old,
    }),
    startStep(r, plan, {
      name: 'start with both',
      from: 'stage',
      to: 'validate',
      values: ({ rotator, old, next }) => rotator.staged(old, next),
      validates: false,
    }),
    ...(plan.replaces ? [replaceStep(r, plan)] : [validateStep(r, plan)]),
    ...(standbyOf(plan) > 0 ? [standby, afterStandby(standby, promote)] : promote),
  ];
}

/** Seconds; what has no overlap has nobody who could know it before. */
function standbyOf({ procedure, replaces }: RotationPlan): number {
  return replaces ? 0 : (procedure.standbySeconds ?? 0);
}

/** The old one is to end at once: nothing waits for both to be known everywhere. */
function emergencySteps(r: Rotating, plan: RotationPlan, actor: string): StepNode[] {
  const values = ({ rotator, old, next }: Standing) => ({
    ...rotator.promoted(old, next),
    ...rotator.retired(old, next),
  });
  return [
    beginStep(r, plan, actor),
    makeStep(r, plan),
    addStep(r, plan),
    ...(plan.replaces ? [replaceStep(r, plan)] : []),
    writeStep(r, plan, { name: 'promote', from: 'promote', values, back: backFromPromote, demotes: true }),
    startStep(r, plan, { name: 'start with the new one', from: 'promote', to: 'settle', values, validates: true }),
  ];
}

const promotedValues = ({ rotator, old, next }: Standing): Values => rotator.promoted(old, next);
/** The old one is in use again, and the new one stays valid as long as somebody may use it. */
const backFromPromote = ({ rotator, old, next }: Standing): Values => ({ ...old, ...rotator.staged(old, next) });

interface Writing {
  name: string;
  from: Phase;
  values(clear: Standing): Values;
  back(clear: Standing): Values;
  /** Whoever was started with it meanwhile may still use the new one. */
  demotes?: boolean;
}

function writeStep(r: Rotating, plan: RotationPlan, { name, from, values, back, demotes }: Writing): Step {
  return defineStep<Json>({
    name,
    alwaysCheck: true,
    check: async () => beyond(r, plan.id, from),
    async run() {
      const clear = await standingOf(r, plan.id);
      const wanted = values(clear);
      // Where nothing is staged there is nothing to be known by.
      if (Object.keys(wanted).length > 0)
        await r.withRecord((record) => record.writes(clear.rotation, fingerprintsOf(wanted)));
      await putValues(r, wanted);
      return { variables: Object.keys(wanted) };
    },
    async undo() {
      const clear = await standingOf(r, plan.id);
      if (clear.rotation.reverting) return;
      if (demotes && plan.procedure.noWayBackAfter === 'promote') throw noWayBack(r);
      const written = values(clear);
      const before = Object.fromEntries(Object.entries(back(clear)).filter(([variable]) => variable in written));
      await putValues(r, before);
      await redeploy(r, ofProduct(plan, before), async () => {});
      const settleSeconds = plan.procedure.overlap === 'both' ? plan.procedure.settleSeconds : 0;
      if (demotes && settleSeconds > 0) await r.withRecord((record) => record.demoted(clear.rotation, settleSeconds));
    },
  });
}

interface Starting {
  name: string;
  from: Phase;
  to: Phase;
  values(clear: Standing): Values;
  /** Each instance is asked, after it was started, whether the new one works. */
  validates: boolean;
}

function startStep(r: Rotating, plan: RotationPlan, { name, from, to, values, validates }: Starting): Step {
  return defineStep<Json>({
    name,
    alwaysCheck: true,
    check: async () => beyond(r, plan.id, from),
    async run() {
      const clear = await standingOf(r, plan.id);
      const { rotator, old, next, rotation } = clear;
      const wanted = values(clear);
      // Gone on with in another clone: what was written is in the other one's file.
      await putValues(r, wanted);
      const how = await redeploy(r, ofProduct(plan, wanted), async (address) => {
        if (!validates) return;
        await validateByCommand(r);
        await rotator.validate(old, next, address === undefined ? undefined : [address]);
      });
      await r.withRecord((record) =>
        to === 'settle'
          ? record.promoted(rotation, plan.emergency ? 0 : plan.procedure.settleSeconds)
          : record.reached(rotation, to),
      );
      return { how };
    },
  });
}

function validateStep(r: Rotating, plan: RotationPlan): Step {
  return defineStep<Json>({
    name: 'validate',
    alwaysCheck: true,
    check: async () => beyond(r, plan.id, 'validate'),
    async run() {
      const { rotator, old, next, rotation } = await standingOf(r, plan.id);
      // As in `startStep`: what is tried may be read from the environment.
      await putValues(r, rotator.staged(old, next));
      const says = await rotator.validate(old, next);
      await r.withRecord((record) =>
        standbyOf(plan) > 0 ? record.stoodBy(rotation, standbyOf(plan)) : record.reached(rotation, 'promote'),
      );
      return { says: says || 'nothing tries it before it is in use' };
    },
  });
}

function noWayBack({ name, environment: { name: env } }: Rotating): OpsError {
  return new OpsError({
    code: 'NO_WAY_BACK',
    message: `the service has replaced the old ${name}, which nothing brings back`,
    hint: hint`Mend what failed, and go on: ${command('secrets:rotate', { env, continue: true }, name)}`,
  });
}
