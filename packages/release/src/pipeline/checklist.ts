import { defineStep, type EnvName, type Step, type TaskContext } from '@drydock/kit';
import type { Artifact } from '../artifact/types.ts';
import { boxesIn, evidenceOf, isOpen, needsChecklist, openError, tick } from '../checklist/checklist.ts';
import { withRecord } from '../record/record.ts';

/** Section 10, before anything of the environment is changed. What was said is kept, whatever it was. */
export function checklistSteps(ctx: TaskContext, env: EnvName, built: Step<Artifact>): Step[] {
  if (!needsChecklist(ctx, env)) return [];
  return [
    defineStep({
      name: 'checklist',
      async run({ results, out }) {
        const { commit } = results.of(built);
        const sign = boxesIn((ctx.flags.sign ?? []) as string[]);
        const ticked = await tick(ctx, env, { commit, sign, offline: ctx.flags.offline === true });
        await withRecord(ctx.config, ctx.environmentOf(env), (record) =>
          record.putEvidence(...evidenceOf(ctx, commit, ticked)),
        );
        for (const { box, says, state } of ticked) if (state === 'signed') out.warn(`${box} is ${says}`);
        if (ticked.some(isOpen)) throw openError(env, ticked);
        return { boxes: ticked.length };
      },
    }),
  ];
}
