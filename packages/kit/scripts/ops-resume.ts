#!/usr/bin/env node
import { basename } from 'node:path';
import { command } from '../src/hint.ts';
import { openEverywhere } from '../src/ops/everywhere.ts';
import { abandon, resumption, row } from '../src/ops/resume.ts';
import { counted } from '../src/output/counted.ts';
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
  summary: 'Lists runs that did not end, in any checkout, goes on with one, or gives one up.',
  description:
    'A run that goes on keeps its flags, its plan and its reason. One that changes an environment is known to every checkout that reaches its\n' +
    'database; nobody can go on with it while it is at work, for it holds the lock. Backups, and what is simply begun again, stay where they were.',
  examples: [
    'npm run ops:resume',
    'npm run ops:resume -- --latest',
    'npm run ops:resume -- --run 01J…',
    'npm run ops:resume -- --abandon 01J…',
  ],
  perEnvironment: false,
  flags,
  async handsOver(ctx) {
    const { flags } = ctx;
    if (flags.abandon || (!flags.run && !flags.latest)) return undefined;
    return resumption(ctx, flags, findTask);
  },
  async run(ctx) {
    const { flags, out } = ctx;
    if (flags.abandon) return abandon(ctx, flags.abandon);
    const { open, unseen, others } = await openEverywhere(ctx);
    if (open.length > 0) out.table(['run', 'task', 'env', 'started', 'last step', 'actor', 'where'], open.map(row));
    const next = open.findLast(({ atWork }) => !atWork)?.state.run;
    return {
      verdict: verdictOf(open.length, unseen.length > 0),
      data: {
        open: open.map(({ state: { run, task, env, startedAt }, here, atWork }) => ({
          ...{ run, task, env, startedAt, here },
          atWork: atWork ?? null,
        })),
      },
      findings: [
        ...unseen.map(({ env, why }) => ({
          level: 'info' as const,
          code: 'RUNS_UNSEEN',
          message: `What other checkouts have left open on ${env} is not known: ${why}`,
        })),
        ...others.map(({ config, product, runs }) => ({
          level: 'info' as const,
          code: 'RUNS_OF_ANOTHER_CONFIG',
          message: `${counted(runs.length, 'run')} of ${product ?? 'another product'}, begun with ${basename(config)}, ${runs.length === 1 ? 'is' : 'are'} open as well.`,
          hint: command('ops:resume', { config }),
        })),
      ],
      ...(next ? { next: command('ops:resume', { run: next }) } : {}),
    };
  },
});

function verdictOf(open: number, unseen: boolean): string {
  if (open === 0) return unseen ? 'No run is open, as far as could be seen.' : 'No run is open.';
  return `${open} ${open === 1 ? 'run is' : 'runs are'} open.`;
}

export default task;
await main(task, import.meta);
