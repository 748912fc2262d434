import { command, EXIT, hint, OpsError } from '@drydock/kit';
import { PHASES, type Rotation } from '../record/types.ts';
import type { Procedure } from '../rotators/types.ts';
import type { Values } from '../values.ts';
import { refuseBehind } from './behind.ts';
import { readStores } from './put.ts';
import type { Rotating } from './rotating.ts';
import { rotatorFor } from './stand.ts';

/** What a run does with one secret. Kept in its journal: no value is in it. */
export type RotationPlan = {
  name: string;
  kind: string;
  /** Of the rotation; a new one has the run's. */
  id: string;
  /** `begin` makes a new one, `goOn` ends what waits, `takeBack` brings the old one back. */
  does: 'begin' | 'goOn' | 'takeBack';
  emergency: boolean;
  variables: string[];
  productVariables: string[];
  procedure: Procedure;
  /** It changes which one is in use: nobody has been told yet to start the product again with that. */
  first: boolean;
  /** The old one ends as the new one begins, at promote. */
  replaces: boolean;
  /** So long a run waits for what has to settle, in ms; what takes longer is gone on with by another run. */
  waitMs: number;
  reason: string | null;
};

export interface Wanted {
  run: string;
  emergency: boolean;
  reason: string | undefined;
  waitMs: number;
}

/** Looks whether it can be begun at all. Throws what stands in the way; nothing is made. */
export async function planBegin(r: Rotating, wanted: Wanted): Promise<RotationPlan> {
  const open = await r.withRecord((record) => record.open(r.name));
  if (open) throw underWay(r, open);
  await refuseBehind(r);
  const rotator = await rotatorFor(r, { id: wanted.run, generation: 0, emergency: wanted.emergency });
  for (const store of r.stores) await store.refuse(rotator.variables);
  await rotator.refuse(await readStores(r, rotator.variables));
  return planOf(r, { ...wanted, does: 'begin', first: true, id: wanted.run });
}

/** Of one that is open: what is left to do. Undefined where there is none. */
export async function planOpen(
  r: Rotating,
  does: 'goOn' | 'takeBack',
  wanted: Wanted,
): Promise<RotationPlan | undefined> {
  const open = await r.withRecord((record) => record.open(r.name));
  if (!open) return undefined;
  return planOf(r, {
    ...wanted,
    emergency: wanted.emergency || open.emergency,
    does: open.reverting ? 'takeBack' : does,
    first: !open.reverting && (does === 'takeBack') === isInUse(open),
    id: open.id,
  });
}

/** The new one was given to the product. */
function isInUse({ phase }: Rotation): boolean {
  return PHASES.indexOf(phase) >= PHASES.indexOf('settle');
}

/** Takes back one that is open, unless its old one is ended already. */
export async function planBack(r: Rotating, wanted: Wanted): Promise<RotationPlan | undefined> {
  const open = await r.withRecord((record) => record.open(r.name));
  const plan = await planOpen(r, 'takeBack', wanted);
  if (open && plan) refuseEnded(r, open, plan.procedure);
  return plan;
}

async function planOf(
  r: Rotating,
  { id, does, first, emergency, waitMs, reason }: Omit<Wanted, 'run'> & Pick<RotationPlan, 'id' | 'does' | 'first'>,
): Promise<RotationPlan> {
  const rotator = await rotatorFor(r, { id, generation: 0, emergency });
  return {
    ...{ name: r.name, kind: r.secret.kind, id, does, first, emergency, waitMs, reason: reason ?? null },
    variables: [...rotator.variables],
    productVariables: [...rotator.productVariables],
    procedure: await rotator.procedure(),
    replaces: rotator.replace !== undefined,
  };
}

/** What was ended at the service is not brought back by us. */
export function refuseEnded(
  { name, environment: { name: env } }: Rotating,
  { phase }: Pick<Rotation, 'phase'>,
  { noWayBackAfter }: Procedure,
): void {
  const last = noWayBackAfter === 'promote' ? 'settle' : 'retire';
  if (PHASES.indexOf(phase) < PHASES.indexOf(last)) return;
  throw new OpsError({
    code: 'OLD_SECRET_ENDED',
    message: `The old ${name} of ${env} is ended already, or is being ended: it does not come back.`,
    hint: hint`End the rotation: ${command('secrets:rotate', { env, continue: true }, name)}   and rotate again.`,
    exit: EXIT.refused,
  });
}

function underWay({ name, environment: { name: env } }: Rotating, open: Rotation): OpsError {
  const since = `begun ${open.startedAt} by ${open.actor}`;
  return new OpsError({
    code: 'ROTATION_UNDER_WAY',
    message: `A rotation of ${name} is under way in ${env} (${since}); it has come to "${open.phase}"${open.settlesAt ? ` and settles until ${open.settlesAt}` : ''}.`,
    hint: hint`Go on with it: ${command('secrets:rotate', { env, continue: true }, name)}   or take it back: ${command('secrets:revert', { env }, name)}`,
    exit: EXIT.locked,
  });
}

/** For a person: what it costs, and what happens. */
export function told({ name, does, emergency, procedure }: RotationPlan): string[] {
  const { overlap, outageSeconds, standbySeconds = 0, settleSeconds, says } = procedure;
  if (does === 'goOn') return [`${name}: go on with the rotation that waits`];
  if (does === 'takeBack') return [`${name}: the old one comes back`];
  const cost = outageSeconds === 0 ? 'no request fails' : `requests may fail for about ${outageSeconds} s`;
  const back = procedure.noWayBackAfter === 'promote' ? ['once it is promoted, nothing brings the old one back'] : [];
  return [
    `${name}: ${overlap === 'both' ? 'old and new are valid together' : 'old and new are never valid together'}; ${cost}`,
    ...(emergency ? ['emergency: the old one ends at once, and with it whoever still uses it'] : []),
    ...(!emergency && standbySeconds > 0 ? [`the new one is known for ${standbySeconds} s before it is used`] : []),
    ...(!emergency && settleSeconds > 0 ? [`the old one stays valid for ${settleSeconds} s at least`] : []),
    ...back,
    ...says,
  ];
}

/** Of these variables, what the product is started with. */
export function ofProduct({ productVariables }: Pick<RotationPlan, 'productVariables'>, values: Values): string[] {
  return Object.keys(values).filter((variable) => productVariables.includes(variable));
}
