import { setTimeout as sleep } from 'node:timers/promises';
import {
  command,
  defineGroup,
  defineStep,
  hint,
  type Json,
  OpsError,
  paused,
  type Step,
  type StepGroup,
} from '@drydock/kit';
import type { InstanceUse } from '../product.ts';
import { PHASES, type Rotation } from '../record/types.ts';
import type { Proof, Straggler } from '../rotators/types.ts';
import { isUnknown } from '../unknown.ts';
import { fingerprintsOf, sameValues } from '../values.ts';
import { catchUp } from './behind.ts';
import { ofProduct, type RotationPlan } from './plan.ts';
import { putValues, readStores, redeploy, validateByCommand } from './put.ts';
import { type Rotating, type Standing, sealValues } from './rotating.ts';
import { beyond, standingOf } from './stand.ts';

const LOOK_MS = 500;

export type Settled = {
  /** Nobody uses the old one (where it is taken back: the new one) any more, and its time is over. */
  over: boolean;
  /** ISO 8601: before that it does not end. */
  until: string | null;
  /** It is not in use yet: others are to hear of it before `until`. */
  standsBy?: true;
  /** The old one is ended while what nobody here can start again may run with it. */
  byHand?: true;
  stragglers: Straggler[];
};

/** Waits, for as long as the run may, until the old one has settled. Looks only. */
export function settleStep(r: Rotating, plan: RotationPlan): Step<Settled> {
  return defineStep<Settled>({
    name: 'settle',
    // The new one is in use: that its end cannot be told yet takes nothing back.
    houseKeeping: true,
    alwaysCheck: true,
    async check() {
      return (await endedAs(r, plan)) && { over: true, until: null, stragglers: [] };
    },
    async run({ run, signal, detail }) {
      const deadline = Date.now() + plan.waitMs;
      for (;;) {
        const settled = await lookWhether(r, plan).catch((error) => laterIfUnknown(r, error));
        const left = deadline - Date.now();
        if (startsByHand(r, plan))
          return plan.emergency
            ? { ...settled, byHand: true }
            : { ...settled, over: false, stragglers: [...settled.stragglers, BY_HAND] };
        if (settled.over || left <= 0) return settled;
        // The session that holds our own lock began with the old one, and ends with us.
        const { stragglers } = settled;
        if (stragglers.length > 0 && stragglers.every(({ who }) => who.includes(run))) return settled;
        const until = settled.until === null ? 0 : Date.parse(settled.until) - Date.now();
        // What takes longer than we may wait is not waited for.
        if (until > left) return settled;
        detail(settled.stragglers.length > 0 ? `${settled.stragglers.length} still use it` : 'its time is not over');
        await sleep(Math.min(LOOK_MS, left), undefined, { signal });
      }
    },
  });
}

const BY_HAND: Straggler = {
  ...{ who: 'the product', host: 'its hosts', pid: '', ageSeconds: 0 },
  state: 'has to be started again by hand, one instance after the other',
};

/** What nobody here can start again, nor look into, may run with the old one as long as no person has said otherwise. */
function startsByHand({ product }: Rotating, { first, productVariables }: RotationPlan): boolean {
  return product.byHand === true && first && productVariables.length > 0;
}

/** Where the settling stands; also for those who only want to know. */
export async function lookWhether(r: Rotating, plan: Pick<RotationPlan, 'id' | 'emergency'>): Promise<Settled> {
  const standing = await standingOf(r, plan.id);
  const { rotation } = standing;
  // What is being ended has settled.
  if (PHASES.indexOf(rotation.phase) >= PHASES.indexOf('retire') && !rotation.reverting)
    return { over: true, until: null, stragglers: [] };
  const now = await r.withRecord((record) => record.now());
  const until = rotation.settlesAt;
  if (PHASES.indexOf(rotation.phase) < PHASES.indexOf('settle') && !rotation.reverting)
    return { over: false, until, standsBy: true, stragglers: [] };
  if (plan.emergency) return { over: true, until: null, stragglers: [] };
  const waits = until !== null && Date.parse(until) > now.getTime();
  const stragglers = await stragglersOf(r, standing);
  return { over: !waits && stragglers.length === 0, until: waits ? until : null, stragglers };
}

/** As the service sees them, and instances that were started with it. */
export async function stragglersOf(r: Rotating, { rotation, rotator, old, next }: Standing): Promise<Straggler[]> {
  const [leaving, staying] = rotation.reverting ? [next, old] : [old, next];
  const seen = await rotator.stragglers(leaving, staying);
  const [gone, kept] = [fingerprintsOf(leaving), fingerprintsOf(staying)];
  const has = ({ uses }: InstanceUse) =>
    rotator.productVariables.some((name) => uses?.[name] && uses[name] === gone[name] && gone[name] !== kept[name]);
  const started = (await r.product.uses(rotator.productVariables)).filter(has);
  return [
    ...seen,
    ...started.map(({ instance, host }) => ({
      who: instance,
      host,
      pid: '',
      ageSeconds: 0,
      state: 'was started with it',
    })),
  ];
}

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
      const standing = await standingOf(r, plan.id);
      const { rotation, rotator, old, next } = standing;
      const mayTake = (plan.procedure.refusedWithinSeconds ?? 0) * 1_000;
      const until = Date.parse(rotation.retiredAt ?? '') + mayTake;
      const deadline = Date.now() + plan.waitMs;
      for (;;) {
        const proof = await prove(r, standing);
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

async function prove(r: Rotating, { rotator, old, next }: Standing): Promise<Proof> {
  try {
    return await rotator.proof(old, next);
  } catch (error) {
    if (!isUnknown(error)) throw error;
    throw paused(
      `The old ${r.name} was ended, but whether it is dead cannot be told: ${(error as Error).message}`,
      hint`When the service answers: ${goOn()}`,
    );
  }
}

function laterIfUnknown(r: Rotating, error: unknown): never {
  if (!isUnknown(error)) throw error;
  throw paused(
    `The new ${r.name} is in use; whether the old one still is cannot be told: ${(error as Error).message}`,
    hint`When the service answers: ${goOn()}`,
  );
}

function stillTaken(r: Rotating, until: Date): OpsError {
  return paused(
    `The old ${r.name} was ended, and the service still takes it, as it may until ${until.toISOString()}.`,
    hint`Then it is tried again: ${goOn()}`,
  );
}

function stillWorks(r: Rotating, { says }: Proof): OpsError {
  return new OpsError({
    code: 'OLD_SECRET_STILL_WORKS',
    message: `The old ${r.name} was ended, and still works: ${says}.`,
    hint: hint`Does something else accept it (another server, a cache)? Then: ${goOn()}`,
  });
}

/** A run that waits is gone on with, by whichever task it was begun. */
function goOn() {
  return command('ops:resume');
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
      // Another checkout may have written it into its files alone.
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

/** The rotation, where it has come to the end that this run is to bring it to: a run that was killed after that could not say so. */
export async function endedAs(
  r: Rotating,
  { id, does }: Pick<RotationPlan, 'id' | 'does'>,
): Promise<Rotation | undefined> {
  const found = await r.withRecord(async (record) => (await record.rotations(r.name)).find((one) => one.id === id));
  return found?.outcome === (does === 'takeBack' ? 'reverted' : 'done') ? found : undefined;
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

export function stillUsed({ name, environment: { name: env } }: Rotating, stragglers: readonly Straggler[]): OpsError {
  const shown = stragglers.map(
    ({ who, host, pid, ageSeconds, state }) =>
      `${who} on ${host}${pid ? `, ${pid}` : ''} (${state}, for ${Math.round(ageSeconds)} s)`,
  );
  return new OpsError({
    code: 'STILL_IN_USE',
    message: `The old ${name} is still in use by ${shown.join('; ')}.`,
    hint: hint`End them, or wait, and go on: ${command('secrets:rotate', { env, continue: true }, name)}   At once, with whoever uses it: ${command('secrets:retire', { env, emergency: true }, name)}`,
    exit: 3,
  });
}
