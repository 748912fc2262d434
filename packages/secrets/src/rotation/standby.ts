import { setTimeout as sleep } from 'node:timers/promises';
import { defineGroup, defineStep, type Json, type Step, type StepGroup, type StepNode } from '@drydock/kit';
import type { RotationPlan } from './plan.ts';
import type { Rotating } from './rotating.ts';
import { beyond, standingOf } from './stand.ts';

const LOOK_MS = 500;

/** Others that keep what they know of the product hear of the new one before it is used. What takes longer than the run may wait is not waited for. */
export function standbyStep(r: Rotating, plan: RotationPlan): Step<{ over: boolean }> {
  return defineStep<{ over: boolean }>({
    name: 'stand by',
    alwaysCheck: true,
    check: async () => ((await beyond(r, plan.id, 'promote')) ? { over: true } : undefined),
    async run({ signal, detail }) {
      const deadline = Date.now() + plan.waitMs;
      for (;;) {
        const { rotation } = await standingOf(r, plan.id);
        const now = await r.withRecord((record) => record.now());
        const ms = rotation.settlesAt === null ? 0 : Date.parse(rotation.settlesAt) - now.getTime();
        if (ms <= 0) return { over: true };
        if (ms > deadline - Date.now()) return { over: false };
        detail(`it is used at ${rotation.settlesAt}`);
        await sleep(Math.min(LOOK_MS, ms), undefined, { signal });
      }
    },
  });
}

/** What follows once the others have had their time: in this run, or in a later one. */
export function afterStandby(standby: Step<{ over: boolean }>, nodes: StepNode[]): StepGroup<Json> {
  return defineGroup<Json>({
    name: 'use the new one',
    ahead: 'promote: by a later run, where others that keep what they know have to hear of it first',
    plan: async ({ results }) => results.of(standby),
    steps: (planned) => ((planned as { over: boolean }).over ? nodes : []),
  });
}
