#!/usr/bin/env node
import { defineReadTask, main } from '@drydock/kit';
import { findTask } from '@drydock/kit/cli';
import { decide, decidingFlags } from '../src/decide.ts';

const task = defineReadTask({
  name: 'release:continue',
  summary: 'Goes on with a release whose gate could not tell: somebody has looked, and says yes.',
  description:
    'The gate counts as passed, by the name and for the reason that is given; the run goes on behind it. Both are kept in the record.',
  examples: ['npm run release:continue -- --env production --yes --confirm production --reason "looked at the charts"'],
  flags: decidingFlags,
  async handsOver(ctx) {
    const { task: waiting, argv } = await decide(ctx, { decision: 'continue', ...ctx.flags });
    const found = await findTask(waiting);
    return found && { task: found, argv };
  },
  run: async () => ({ verdict: 'Nothing waits.' }),
});

export default task;
await main(task, import.meta);
