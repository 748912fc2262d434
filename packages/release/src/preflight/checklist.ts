import type { EnvName, TaskContext } from '@drydock/kit';
import { isOpen, needsChecklist, openError, tick } from '../checklist/checklist.ts';
import type { Checkout } from '../checkout.ts';
import type { Box } from '../config/checklist.ts';
import type { Question } from '../question.ts';

/** What the run itself does not tick on its way: the rest of the list is asked when it has come that far. */
const BEFOREHAND: Box[] = ['readme', 'rollback', 'backup', 'drill', 'secrets'];

/** The boxes that stand open already: that production's list is not ticked should not be found out when staging is done. */
export function checklistQuestions(
  ctx: TaskContext,
  env: EnvName,
  { read, sign }: { read: () => Promise<Checkout>; sign: readonly Box[] },
): Question[] {
  if (!needsChecklist(ctx, env)) return [];
  return [
    {
      about: 'checklist',
      async ask() {
        const { commit } = await read();
        const ticked = await tick(ctx, env, { commit, only: BEFOREHAND, sign });
        if (ticked.some(isOpen)) throw openError(env, ticked);
        return `${ticked.length} boxes ticked so far`;
      },
    },
  ];
}
