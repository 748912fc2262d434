#!/usr/bin/env node
import { defineReadTask, main } from '@drydock/kit';
import { findTask } from '@drydock/kit/cli';
import { decide, decidingFlags } from '../src/decide.ts';

const task = defineReadTask({
  name: 'release:abort',
  summary: 'Gives up a release whose gate could not tell: traffic goes back to the version before.',
  description:
    'The gate counts as failed, by the name and for the reason that is given: the run undoes what it did. Migrations stay applied.',
  examples: ['npm run release:abort -- --env production --yes --confirm production --reason "looked at the charts"'],
  flags: decidingFlags,
  async handsOver(ctx) {
    const { task: waiting, argv } = await decide(ctx, { decision: 'abort', ...ctx.flags });
    const found = await findTask(waiting);
    return found && { task: found, argv };
  },
  run: async () => ({ verdict: 'Nothing waits.' }),
});

export default task;
await main(task, import.meta);
