import { command, defineStep, hint, OpsError, type StepNode } from '@drydock/kit';
import { waiting } from '../deploy/waiting.ts';
import { looking } from '../looking.ts';
import { readMigrations } from '../migrations/folder.ts';
import { isApplied } from '../migrations/history.ts';
import { whatTheyMake } from '../rehearsal/findings.ts';
import { readState } from '../rehearsal/rehearse.ts';
import { compareInventories, type Difference, type Inventory, inventoryOf } from '../schema/inventory.ts';
import type { Target } from '../target.ts';
import { runDown } from './down.ts';
import type { RollbackPlan } from './plan.ts';
import type { Undone } from './prove.ts';

/** One step per migration, newest first; then the database must be what the remaining migrations make. */
export function rollbackSteps(target: Target, { undo, undone }: RollbackPlan): StepNode[] {
  const applied = async (name: string) => {
    return looking(target.url, 'drydock db:rollback', async (client) => {
      return await isApplied(client, name);
    });
  };
  return [
    ...undo.map(({ name, sql }) =>
      defineStep<{ name: string }>({
        name: `undo ${name}`,
        check: async () => ((await applied(name)) ? undefined : { name }),
        async run({ out, signal }) {
          await runDown(target.url, { name, sql }, { ...waiting(target, name, out), signal });
          return { name };
        },
        async verify() {
          if (await applied(name))
            throw new OpsError({
              code: 'STILL_APPLIED',
              message: `down.sql of ${name} ran, but the database still has it as applied.`,
            });
        },
      }),
    ),
    defineStep({
      name: 'verify',
      async run() {
        const state = await readState(target);
        const remaining = readMigrations(target.migrationsDir).filter(({ name }) => state.applied.includes(name));
        const actual = await inventoryOf(target.url);
        const { added, lost, changed } = undone
          ? againstCopy(undone, actual)
          : compareInventories(await whatTheyMake(target, remaining), actual);
        const unequal = [...added, ...lost, ...changed];
        if (unequal.length === 0) return { applied: remaining.length };
        throw new OpsError({
          code: 'DRIFT',
          message: `The database is not what ${undone ? 'the scripts made of its copy' : 'the remaining migrations make'}: ${unequal.slice(0, 3).join(', ')}.`,
          hint: hint`Find out who changed it by hand: ${command('ops:log')}`,
        });
      },
    }),
  ];
}

/** What the scripts did on the copy, they must have done here. */
function againstCopy({ gone, there }: Undone, actual: Inventory): Difference {
  const unequal = ([key, definition, valid]: Undone['there'][number]) =>
    actual.get(key)?.definition !== definition || (valid && !actual.get(key)?.valid);
  return {
    added: gone.filter((key) => actual.has(key)),
    lost: there.filter(([key]) => !actual.has(key)).map(([key]) => key),
    changed: there.filter((item) => actual.has(item[0]) && unequal(item)).map(([key]) => key),
  };
}
