import { toOpsError } from '@drydock/kit';
import type { Procedure } from '../rotators/types.ts';
import { readStores } from './put.ts';
import type { Rotating } from './rotating.ts';
import { rotatorFor } from './stand.ts';

export interface Foreseen {
  name: string;
  kind: string;
  variables: readonly string[];
  /** Undefined where that depends on something that does not answer. */
  procedure: Procedure | undefined;
  /** What is started again: `2 instances …`, `nothing`. */
  restarts: string;
  /** Who reads it: the product, operators, by their variables. */
  readers: string[];
  /** What stands in the way of beginning now; undefined where nothing does. */
  stands: string | undefined;
}

/** Of one that is only looked at. `runs`: what runs of the product, as it describes itself. */
export async function foresee(r: Rotating, runs: string | undefined): Promise<Foreseen> {
  const rotator = await rotatorFor(r, { id: '', generation: 0, emergency: false });
  const { variables, productVariables } = rotator;
  const told = await rotator.procedure().then(
    (procedure) => ({ procedure }),
    (error) => ({ procedure: undefined, why: toOpsError(error).message }),
  );
  const others = variables.filter((variable) => !productVariables.includes(variable));
  return {
    name: r.name,
    kind: r.secret.kind,
    variables,
    procedure: told.procedure,
    restarts: told.procedure?.redeploys ? (runs ?? 'nothing that we have started') : 'nothing',
    readers: [
      ...(productVariables.length > 0 ? [`the product (${productVariables.join(', ')})`] : []),
      ...(others.length > 0 ? [`operators (${others.join(', ')})`] : []),
    ],
    stands: 'why' in told ? told.why : await whatStands(r, variables),
  };
}

async function whatStands(r: Rotating, variables: readonly string[]): Promise<string | undefined> {
  try {
    const open = await r.withRecord((record) => record.open(r.name));
    if (open) return `a rotation of ${open.startedAt} is at "${open.phase}"`;
    for (const store of r.stores) await store.refuse(variables);
    const rotator = await rotatorFor(r, { id: '', generation: 0, emergency: false });
    await rotator.refuse(await readStores(r, variables));
    return undefined;
  } catch (error) {
    return toOpsError(error).message;
  }
}
