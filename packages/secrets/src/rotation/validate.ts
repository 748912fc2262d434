import { toOpsError } from '@drydock/kit';
import { isUnknown } from '../unknown.ts';
import { readStores, validateByCommand } from './put.ts';
import type { Rotating } from './rotating.ts';
import { rotatorFor } from './stand.ts';

export type Tried = {
  name: string;
  /** `untried`: nothing can try it. */
  works: 'yes' | 'no' | 'unknown' | 'untried';
  says: string;
};

/** What the environment holds now, tried as a new one is. */
export async function validateNow(r: Rotating): Promise<Tried> {
  try {
    const rotator = await rotatorFor(r, { id: '', generation: 0, emergency: false });
    const now = await readStores(r, rotator.variables);
    const missing = Object.entries(now).flatMap(([variable, value]) => (value === null ? [variable] : []));
    if (missing.length > 0) return { name: r.name, works: 'no', says: `${missing.join(', ')} is not set` };
    const says = [await rotator.validate(now, now), await validateByCommand(r)].filter(Boolean);
    if (says.length === 0) return { name: r.name, works: 'untried', says: 'nothing tries it (validate.command)' };
    return { name: r.name, works: 'yes', says: says.join('; ') };
  } catch (error) {
    return { name: r.name, works: isUnknown(error) ? 'unknown' : 'no', says: toOpsError(error).message };
  }
}
