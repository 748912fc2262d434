import { command, defineStep, hint, OpsError, type StepNode } from '@drydock/kit';
import { waiting } from '../deploy/waiting.ts';
import { looking } from '../looking.ts';
import { isApplied } from '../migrations/history.ts';
import { readState } from '../migrations/state.ts';
import { type Difference, type Inventory, inventoryOf } from '../schema/inventory.ts';
import type { Target } from '../target.ts';
import { runDown } from './down.ts';
import type { RollbackPlan } from './plan.ts';
import type { Changes } from './prove.ts';

/** One step per migration, newest first; then all that the scripts changed where they were proven must be changed here. What else is in the database is not theirs. */
export function rollbackSteps(target: Target, { undo, changes }: RollbackPlan): StepNode[] {
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
        const { added, lost, changed } = unlike(changes, await inventoryOf(target.url));
        const unequal = [
          ...added.map((key) => `still has ${key}`),
          ...lost.map((key) => `lacks ${key}`),
          ...changed.map((key) => `has another ${key}`),
        ];
        if (unequal.length === 0) return { applied: (await readState(target)).applied.length };
        throw new OpsError({
          code: 'ROLLBACK_DIFFERS',
          message: `The scripts ran, and the database is not what they led to where they were proven: it ${unequal.slice(0, 3).join('; it ')}.`,
          hint: hint`Find out who changed it by hand: ${command('ops:log')}`,
        });
      },
    }),
  ];
}

function unlike({ gone, there }: Changes, actual: Inventory): Difference {
  const unequal = ([key, definition, valid]: Changes['there'][number]) =>
    actual.get(key)?.definition !== definition || (valid && !actual.get(key)?.valid);
  return {
    added: gone.filter((key) => actual.has(key)),
    lost: there.filter(([key]) => !actual.has(key)).map(([key]) => key),
    changed: there.filter((item) => actual.has(item[0]) && unequal(item)).map(([key]) => key),
  };
}
