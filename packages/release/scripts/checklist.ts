#!/usr/bin/env node
import {
  command,
  defineChangeTask,
  defineStep,
  flag,
  hint,
  type Json,
  main,
  type Outcome,
  type TaskContext,
  usageError,
} from '@drydock/kit';
import {
  boxesIn,
  CHECKLIST_HEADER,
  checklistRows,
  evidenceOf,
  isOpen,
  openError,
  tick,
} from '../src/checklist/checklist.ts';
import { readCheckout } from '../src/checkout.ts';
import type { Box } from '../src/config/checklist.ts';
import { withRecord } from '../src/record/record.ts';

const flags = {
  sign: flag.texts({ value: 'BOX', about: 'stand by your name for a box that nothing can tell; needs --reason' }),
  commit: flag.text({ value: 'COMMIT', about: 'of this one (default: what is checked out)' }),
  offline: flag.boolean({ about: 'GitHub is not asked' }),
};
type Context = TaskContext<typeof flags>;

const task = defineChangeTask({
  name: 'release:checklist',
  summary: 'Ticks the boxes before a release to customers, each with its evidence; exit 3 while one is open.',
  description:
    'Types and lint, tests, migrations and flow on the environment before, its metrics, README, the way back, backup, restore drill, age of\n' +
    'secrets. A box that nothing here can tell is signed by a person, for a while (release.checklist.signedHours); one that was looked at and\n' +
    'says no cannot be. Looking changes nothing; a release looks again, and keeps what it saw: npm run release:history.',
  examples: [
    'npm run release:checklist -- --env production',
    'npm run release:checklist -- --env production --sign drill --yes --confirm production --reason "tried by hand on Monday"',
  ],
  flags,
  lock: 'environment',
  look: (ctx) => (ctx.flags.sign.length > 0 ? undefined : look(ctx)),
  async plan(ctx) {
    const boxes = boxesIn(ctx.flags.sign);
    if (!ctx.reason) throw usageError('REASON_MISSING', 'A signature says why.', 'Add --reason "…".');
    const commit = await commitOf(ctx);
    const before = await tick(ctx, ctx.env, { commit, only: boxes, offline: ctx.flags.offline });
    const told = before.find(({ state }) => state !== 'unknown' && state !== 'signed');
    if (told)
      throw usageError(
        'BOX_NOT_OPEN',
        `${told.box} was looked at, and needs no signature or takes none: ${told.says}.`,
        hint`See them all: ${command('release:checklist')}`,
      );
    return { commit, boxes };
  },
  describe: ({ boxes, commit }) => [`sign ${boxes.join(', ')} for ${commit.slice(0, 10)}`],
  steps: (ctx, { commit, boxes }) => [
    defineStep({
      name: 'sign',
      async run() {
        const ticked = await tick(ctx, ctx.env, { commit, only: boxes, sign: boxes, offline: ctx.flags.offline });
        await withRecord(ctx.config, ctx.environment, (record) =>
          record.putEvidence(...evidenceOf(ctx, commit, ticked)),
        );
        return null;
      },
    }),
  ],
  outcome: (ctx, { commit }) => look(ctx, commit),
});

async function look(ctx: Context, given?: string): Promise<Outcome> {
  const commit = given ?? (await commitOf(ctx));
  const ticked = await tick(ctx, ctx.env, { commit, offline: ctx.flags.offline });
  ctx.out.table(CHECKLIST_HEADER, checklistRows(ticked));
  const open = ticked.filter(isOpen).map(({ box }): Box => box);
  const of = `${commit.slice(0, 10)} on ${ctx.env}`;
  return {
    verdict:
      open.length === 0
        ? `Every box of ${of} is ticked.`
        : `${open.length} of ${ticked.length} boxes of ${of} are open: ${open.join(', ')}.`,
    ok: open.length === 0,
    data: { commit, boxes: ticked as unknown as Json },
    ...(open.length > 0 ? { next: openError(ctx.env, ticked).hint } : { next: command('release') }),
  } as Outcome;
}

async function commitOf({ config, flags: { commit }, signal }: Context): Promise<string> {
  return (await readCheckout(config.root, signal, commit)).commit;
}

export default task;
await main(task, import.meta);
