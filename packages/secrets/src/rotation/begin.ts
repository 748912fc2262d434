import { command, currentHost, defineStep, hint, type Json, paused, type Step } from '@drydock/kit';
import { isUnknown } from '../unknown.ts';
import { refuseBehind } from './behind.ts';
import type { RotationPlan } from './plan.ts';
import { readStores } from './put.ts';
import { type Rotating, sealValues } from './rotating.ts';
import { beyond, remember, standingOf } from './stand.ts';

/** What is there now is written down, encrypted to the team, before anything is made. */
export function beginStep(r: Rotating, plan: RotationPlan, actor: string): Step {
  return defineStep<Json>({
    name: 'begin',
    alwaysCheck: true,
    check: async () => ((await isBegun(r, plan)) ? {} : undefined),
    async run() {
      // Planned by a run that was killed, and gone on with when others had rotated it.
      await refuseBehind(r);
      const sealed = await sealValues(r, await readStores(r, plan.variables));
      const { id, name, kind, emergency, reason } = plan;
      await r.withRecord((record) =>
        record.begin({ id, name, kind, emergency, actor, host: currentHost(), reason }, sealed),
      );
      return {};
    },
    /** All that was made is taken away again, unless somebody may use it still. */
    async undo() {
      const { rotator, old, next, rotation } = await standingOf(r, plan.id);
      if (rotation.reverting) return;
      await rotator.withdraw(old, next);
      await r.withRecord((record) => record.reverted(rotation));
    },
  });
}

async function isBegun(r: Rotating, { id }: RotationPlan): Promise<boolean> {
  const all = await r.withRecord((record) => record.rotations(r.name));
  return all.some((rotation) => rotation.id === id);
}

/** The new one is made once, and kept before anybody is told of it. */
export function makeStep(r: Rotating, plan: RotationPlan): Step {
  return defineStep<Json>({
    name: 'make',
    alwaysCheck: true,
    async check() {
      const done = await beyond(r, plan.id, 'add');
      if (done !== undefined) return done;
      const { rotation } = await standingOf(r, plan.id);
      const kept = await r.withRecord((record) => record.generations(r.name));
      return kept.some(({ generation }) => generation === rotation.generation) ? {} : undefined;
    },
    async run() {
      const { rotator, rotation, old } = await standingOf(r, plan.id);
      const next = await rotator.make(old);
      const sealed = await sealValues(r, next);
      await r.withRecord((record) => record.keep(rotation, sealed));
      remember(r, rotation.generation, next);
      return { generation: rotation.generation };
    },
  });
}

export function addStep(r: Rotating, plan: RotationPlan): Step {
  return defineStep<Json>({
    name: 'add',
    alwaysCheck: true,
    check: async () => beyond(r, plan.id, 'add'),
    async run() {
      const { rotator, old, next, rotation } = await standingOf(r, plan.id);
      if (!plan.replaces) await rotator.add(old, next);
      await r.withRecord((record) => record.reached(rotation, 'stage'));
      return {};
    },
  });
}

/** Where the service knows one value alone: here the old one ends. */
export function replaceStep(r: Rotating, plan: RotationPlan): Step {
  return defineStep<Json>({
    name: 'replace',
    alwaysCheck: true,
    check: async () => beyond(r, plan.id, 'promote'),
    async run() {
      const { rotator, old, next, rotation } = await standingOf(r, plan.id);
      const made = (await rotator.replace?.(old, next).catch((error) => waitIfUnknown(r, error))) ?? next;
      const sealed = await sealValues(r, made);
      await r.withRecord((record) => record.replaced(rotation, sealed));
      remember(r, rotation.generation, made);
      return {};
    },
  });
}

/** It may be replaced: to go back would leave the environment with one that is dead. */
function waitIfUnknown({ name, environment: { name: env } }: Rotating, error: unknown): never {
  if (!isUnknown(error)) throw error;
  throw paused(
    `Whether ${name} of ${env} was replaced cannot be told: ${(error as Error).message}`,
    hint`When the service answers: ${command('secrets:rotate', { env, resume: true })}`,
  );
}
