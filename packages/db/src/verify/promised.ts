import type { Finding } from '@drydock/kit';
import { command, hint } from '@drydock/kit';
import type { Inventory } from '@drydock/kit/inventory';
import { howMadeValid, type Promised, unlikePromised } from '../schema/promised.ts';

/** Longer than that nobody reads a definition. */
const SHOWN = 160;

/** Whether everything that migrations made on a copy is on the target as well, the same, and usable. */
export function checkPromised(promised: Promised, actual: Inventory): Finding[] {
  const { lost, changed } = unlikePromised(promised, actual);
  const gone = new Set(lost);
  const other = new Set(changed);
  return promised.flatMap(([key, definition, valid]): Finding[] => {
    if (gone.has(key))
      return [
        {
          level: 'error',
          code: 'OBJECT_MISSING',
          message: `The database has no ${key}, which the migrations make.`,
          hint: hint`Somebody dropped it, or the migration took another way here: ${command('db:drift')}`,
        },
      ];
    const item = actual.get(key);
    if (!other.has(key) || !item) return [];
    if (valid && !item.valid)
      return [
        {
          level: 'error',
          code: 'OBJECT_INVALID',
          message: `${key} is there and not valid: it is not used, or not enforced.`,
          hint: howMadeValid(key, item.definition),
        },
      ];
    return [
      {
        level: 'error',
        code: 'OBJECT_DIFFERS',
        message: `${key} is "${cut(item.definition)}", where the migrations make "${cut(definition)}".`,
        hint: hint`${command('db:drift')} shows what would have to be run.`,
      },
    ];
  });
}

function cut(definition: string): string {
  return definition.length > SHOWN ? `${definition.slice(0, SHOWN)}…` : definition;
}
