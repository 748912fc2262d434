import { setTimeout as sleep } from 'node:timers/promises';
import { defineStep, type Step } from '@drydock/kit';
import type { InstanceUse } from '../product.ts';
import { PHASES } from '../record/types.ts';
import type { Straggler } from '../rotators/types.ts';
import { fingerprintsOf } from '../values.ts';
import { laterIfUnknown } from './errors.ts';
import type { RotationPlan } from './plan.ts';
import type { Rotating, Standing } from './rotating.ts';
import { endedAs, standingOf } from './stand.ts';

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
