import { defineStep, type StepNode, usageError } from '@drydock/kit';
import { putValues, readStores } from './put.ts';
import type { Rotating } from './rotating.ts';
import { rotatorFor } from './stand.ts';

export type AdoptPlan = { name: string; says: string[] };

/** What would be done, in words; nothing where it is under rotation already. */
export async function planAdopt(r: Rotating): Promise<AdoptPlan> {
  const { says } = await adoptionOf(r);
  return { name: r.name, says };
}

export function adoptSteps(r: Rotating): StepNode[] {
  return [
    defineStep({
      name: 'adopt',
      async run() {
        const { says, run } = await adoptionOf(r);
        await putValues(r, await run());
        return { says };
      },
    }),
  ];
}

async function adoptionOf(r: Rotating) {
  const rotator = await rotatorFor(r, { id: '', generation: 0, emergency: false });
  if (!rotator.adoption)
    throw usageError(
      'NOTHING_TO_ADOPT',
      `A secret of kind ${r.secret.kind} needs no adoption: ${r.name} can be rotated as it is.`,
    );
  for (const store of r.stores) await store.refuse(rotator.variables);
  return rotator.adoption(await readStores(r, rotator.variables));
}
