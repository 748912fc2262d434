import type { Finding } from '@drydock/kit';
import { command, hint } from '@drydock/kit';
import type { Inventory, Promised } from '../schema/inventory.ts';

/** Whether everything that migrations made on a copy is on the target as well, the same, and usable. */
export function checkPromised(promised: Promised, actual: Inventory): Finding[] {
  return promised.flatMap(([key, definition, valid]): Finding[] => {
    const item = actual.get(key);
    if (!item)
      return [
        {
          level: 'error',
          code: 'OBJECT_MISSING',
          message: `The database has no ${key}, which the migrations make.`,
          hint: hint`Somebody dropped it, or the migration took another way here: ${command('db:drift')}`,
        },
      ];
    if (valid && !item.valid)
      return [
        {
          level: 'error',
          code: 'OBJECT_INVALID',
          message: `${key} is there and not valid: it is not used, or not enforced.`,
          hint: key.startsWith('index') ? 'REINDEX INDEX CONCURRENTLY' : 'ALTER TABLE … VALIDATE CONSTRAINT',
        },
      ];
    if (item.definition !== definition)
      return [
        {
          level: 'error',
          code: 'OBJECT_DIFFERS',
          message: `${key} is "${item.definition}", where the migrations make "${definition}".`,
          hint: hint`${command('db:drift')} shows what would have to be run.`,
        },
      ];
    return [];
  });
}
