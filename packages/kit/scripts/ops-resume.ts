#!/usr/bin/env node
import { command } from '../src/hint.ts';
import { openRuns } from '../src/journal/read.ts';
import { abandon, resumption, row } from '../src/ops/resume.ts';
import { flag } from '../src/task/flags.ts';
import { main } from '../src/task/main.ts';
import { defineReadTask } from '../src/task/types.ts';
import { findTask } from '../src/task/wired.ts';

const flags = {
  run: flag.text({ value: 'RUN', about: 'go on with this one' }),
  latest: flag.boolean({ about: 'go on with the one that was begun last' }),
  abandon: flag.text({ value: 'RUN', about: 'give this one up: it is marked as failed, nothing is undone' }),
  yes: flag.boolean({ about: 'passed on to the run' }),
  confirm: flag.text({ value: 'NAME', about: 'passed on to the run' }),
};

const task = defineReadTask({
  name: 'ops:resume',
  summary: 'Lists runs that did not end, goes on with one, or gives one up.',
  description: 'A run that goes on keeps its flags, its plan and its reason.',
  examples: [
    'npm run ops:resume',
    'npm run ops:resume -- --latest',
    'npm run ops:resume -- --run 01J…',
    'npm run ops:resume -- --abandon 01J…',
  ],
  perEnvironment: false,
  flags,
  async handsOver({ config, flags }) {
    if (flags.abandon || (!flags.run && !flags.latest)) return undefined;
    return resumption(config, flags, findTask);
  },
  async run(ctx) {
    const { config, flags, out } = ctx;
    if (flags.abandon) return abandon(ctx, flags.abandon);
    const open = openRuns(config.root);
    if (open.length > 0) out.table(['run', 'task', 'env', 'started', 'last step', 'actor'], open.map(row));
    return {
      verdict:
        open.length === 0 ? 'No run is open.' : `${open.length} ${open.length === 1 ? 'run is' : 'runs are'} open.`,
      data: { open: open.map(({ run, task, env, startedAt }) => ({ run, task, env, startedAt })) },
      ...(open.length > 0 ? { next: command('ops:resume', { run: open.at(-1)?.run }) } : {}),
    };
  },
});

export default task;
await main(task, import.meta);
