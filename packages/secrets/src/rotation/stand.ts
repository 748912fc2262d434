import { command, EXIT, type Json, OpsError, Secret } from '@drydock/kit';
import { type Generation, PHASES, type Phase, type Rotation } from '../record/types.ts';
import type { Values } from '../values.ts';
import { openValues, type Rotating, type Standing } from './rotating.ts';

/** Values that this process has made or opened; a second look needs no key. */
const opened = new WeakMap<Rotating, Map<string, Values>>();

/** The rotation of the plan as the record has it now, whoever has brought it there. */
export async function standingOf(r: Rotating, id: string): Promise<Standing> {
  const { rotation, generations } = await r.withRecord(async (record) => ({
    rotation: (await record.rotations(r.name)).find((one) => one.id === id),
    generations: await record.generations(r.name),
  }));
  if (rotation?.outcome !== 'open') throw moved(r, id);
  const next = generations.find(({ generation }) => generation === rotation.generation);
  const old = generations.findLast(
    ({ generation, state }) => generation < rotation.generation && state !== 'withdrawn' && state !== 'retired',
  );
  if (!old) throw moved(r, id);
  return {
    rotation,
    rotator: await rotatorFor(r, rotation),
    old: await valuesOf(r, old),
    // Nothing was kept yet: what `make` has made elsewhere bears the rotation's id.
    next: next ? await valuesOf(r, next) : {},
  };
}

export function rotatorFor(
  r: Rotating,
  { id, generation, emergency }: Pick<Rotation, 'id' | 'generation' | 'emergency'>,
) {
  return r.rotator({ id, generation, emergency });
}

export function remember(r: Rotating, generation: number, values: Values): void {
  const known = opened.get(r) ?? new Map<string, Values>();
  known.set(String(generation), values);
  opened.set(r, known);
}

async function valuesOf(r: Rotating, generation: Generation): Promise<Values> {
  const known = opened.get(r)?.get(String(generation.generation));
  if (known) return known;
  const values = await openValues(r, generation, (text, variable) => new Secret(text, variable));
  remember(r, generation.generation, values);
  return values;
}

/** Undefined as long as the rotation has not come beyond this phase. */
export async function beyond(r: Rotating, id: string, phase: Phase): Promise<Json | undefined> {
  const found = await r.withRecord(async (record) => (await record.rotations(r.name)).find((one) => one.id === id));
  if (!found) return undefined;
  const isBeyond = found.outcome !== 'open' || PHASES.indexOf(found.phase) > PHASES.indexOf(phase);
  return isBeyond ? { phase: found.phase } : undefined;
}

/** The rotation, where it has come to the end that this run is to bring it to: a run that was killed after that could not say so. */
export async function endedAs(r: Rotating, { id, does }: { id: string; does: string }): Promise<Rotation | undefined> {
  const found = await r.withRecord(async (record) => (await record.rotations(r.name)).find((one) => one.id === id));
  return found?.outcome === (does === 'takeBack' ? 'reverted' : 'done') ? found : undefined;
}

function moved({ name, environment }: Rotating, id: string): OpsError {
  return new OpsError({
    code: 'ROTATION_ENDED',
    message: `The rotation ${id} of ${name} is not open any more: somebody else has ended it.`,
    hint: command('secrets:status', { env: environment.name }),
    exit: EXIT.no,
  });
}
