import { command, EXIT, hint, OpsError, Secret } from '@drydock/kit';
import type { Generation, Written } from '../record/types.ts';
import { type Fingerprints, fingerprintsOf, sameValues } from '../values.ts';
import { putValues, readStores } from './put.ts';
import { openValues, type Rotating } from './rotating.ts';

/** This checkout holds what has ended: another one has rotated since. */
export interface Behind {
  /** `generation 3 of it (retired)` */
  held: string;
  current: Generation;
}

interface Recorded {
  generations: readonly Generation[];
  written: readonly Written[];
  /** A rotation of it is under way: what that wrote on its way is where it belongs. */
  isOpen: boolean;
}

const ENDED: readonly Generation['state'][] = ['retired', 'withdrawn'];

/** Undefined where what is held is in use, on its way, or nobody's: somebody has changed it by hand. */
export function behindIn(held: Fingerprints, { generations, written, isOpen }: Recorded): Behind | undefined {
  const current = generations.findLast(({ state }) => state === 'current');
  const isHeld = ({ fingerprints }: Pick<Generation, 'fingerprints'>) =>
    Object.keys(fingerprints).length > 0 && sameValues(fingerprints, pick(held, fingerprints));
  if (!current || isHeld(current)) return undefined;
  const known = generations.findLast(isHeld);
  if (known)
    return ENDED.includes(known.state)
      ? { held: `generation ${known.generation} (${known.state})`, current }
      : undefined;
  const onItsWay = isOpen ? undefined : written.findLast(isHeld);
  return onItsWay && { held: `what the rotation to generation ${onItsWay.generation} wrote on its way`, current };
}

/** Of what the first store of a secret holds, by the record of its environment. */
export async function behindOf(r: Rotating): Promise<Behind | undefined> {
  const recorded = await r.withRecord(async (record) => ({
    generations: await record.generations(r.name),
    written: await record.written(r.name),
    isOpen: (await record.open(r.name)) !== undefined,
  }));
  const variables = new Set(recorded.generations.flatMap(({ fingerprints }) => Object.keys(fingerprints)));
  return behindIn(fingerprintsOf(await readStores(r, [...variables])), recorded);
}

/** Nothing is begun with a value that has ended: the one in use would never be. */
export async function refuseBehind(r: Rotating): Promise<void> {
  const behind = await behindOf(r);
  if (!behind) return;
  const { held, current } = behind;
  const env = r.environment.name;
  throw new OpsError({
    code: 'FILE_HOLDS_OLD',
    message: `Of ${r.name}, ${r.stores[0]?.label} hold ${held}; generation ${current.generation} is in use.`,
    hint: hint`Bring it up to date: ${command('secrets:open', { env })}   Then run this again.`,
    exit: EXIT.refused,
  });
}

/** Brings the stores of this checkout up to what is in use. Returns the variables that were written; none where it was not behind. */
export async function catchUp(r: Rotating): Promise<string[]> {
  const behind = await behindOf(r);
  if (!behind) return [];
  const values = await openValues(r, behind.current, (text, variable) => new Secret(text, variable));
  await putValues(r, values);
  return Object.keys(values);
}

function pick(values: Fingerprints, like: Fingerprints): Fingerprints {
  return Object.fromEntries(Object.keys(like).map((name) => [name, values[name] ?? null]));
}
