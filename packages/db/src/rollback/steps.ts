import { command, defineStep, hint, OpsError, type StepNode } from '@drydock/kit';
import type { Difference, Inventory } from '@drydock/kit/inventory';
import { waiting } from '../deploy/waiting.ts';
import { isApplied } from '../migrations/history.ts';
import { readState } from '../migrations/state.ts';
import { inventoryOf } from '../schema/inventory.ts';
import { type Changes, unlikePromised } from '../schema/promised.ts';
import { looking } from '../sessions/looking.ts';
import type { Target } from '../target.ts';
import { runDown } from './down.ts';
import type { RollbackPlan } from './plan.ts';

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
  return { added: gone.filter((key) => actual.has(key)), ...unlikePromised(there, actual) };
}
