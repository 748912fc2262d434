#!/usr/bin/env node
import { defineStep } from '../src/steps/types.ts';
import { flag } from '../src/task/flags.ts';
import { main } from '../src/task/main.ts';
import { type AnyTask, defineChangeTask } from '../src/task/types.ts';

const DAY_MS = 86_400_000;
const DEFAULT_DAYS = 90;

const task = defineChangeTask({
  name: 'ops:prune',
  summary:
    'Removes the journals of runs that ended long ago and what was put aside then, and says which it keeps and why.',
  description:
    'Kept are runs that did not end (ops:resume goes on with them), those of which the audit log was not told everything yet, and those that\n' +
    'later runs go by (what was sent to the chain). A run that failed can be gone on with by its id for as long as its journal is there.\n' +
    'The migrations that db:squash has put aside (.drydock/squashed) go as well, while no run is open: git has them.',
  examples: ['npm run ops:prune -- --plan', 'npm run ops:prune -- --older-than 30d --yes'],
  perEnvironment: false,
  flags: { olderThan: flag.duration({ about: `runs that ended so long ago (default ${DEFAULT_DAYS}d)` }) },
  lock: 'checkout',
  restartable: true,
  async plan({ config, flags }) {
    const { planPruning } = await import('../src/journal/prune.ts');
    const { runSummaries } = await import('../src/journal/read.ts');
    const { asideBefore } = await import('../src/state/aside.ts');
    const before = new Date(Date.now() - (flags.olderThan ?? DEFAULT_DAYS * DAY_MS)).toISOString();
    const runs = runSummaries(config.root);
    const remembered = await rememberedTasks(new Set(runs.map((run) => run.task)));
    const aside = runs.some(({ status }) => status === 'open') ? [] : asideBefore(config.root, before);
    return { before, aside, ...planPruning(config.root, before, (name) => remembered.has(name)) };
  },
  describe: ({ remove, keep, before, aside = [] }) => [
    ...aside.map((name) => `remove .drydock/${name}, put aside before ${before.slice(0, 10)}`),
    ...(remove.length > 0 ? [`remove ${counted(remove.length)} that ended before ${before.slice(0, 10)}`] : []),
    ...Object.entries(keep).map(([why, many]) => `keep ${counted(many)} that ${why}`),
  ],
  steps: ({ config }, { remove, aside = [] }) => {
    const cleared = defineStep({
      name: 'remove what was put aside',
      async run() {
        const { removeAside } = await import('../src/state/aside.ts');
        removeAside(config.root, aside);
        return aside;
      },
    });
    const removed = defineStep({
      name: 'remove the journals',
      async run({ signal }) {
        const { removeRun } = await import('../src/journal/prune.ts');
        return remove.filter((run) => {
          signal.throwIfAborted();
          return removeRun(config.root, run);
        });
      },
    });
    return { nodes: [...(aside.length > 0 ? [cleared] : []), ...(remove.length > 0 ? [removed] : [])], removed };
  },
  outcome: (_, { remove, keep, aside = [] }, results, { removed }) => {
    const gone = remove.length > 0 ? results.of(removed) : [];
    const kept = Object.entries(keep).map(([why, many]) => `${many} ${why}`);
    return {
      verdict: `${counted(gone.length)}${aside.length > 0 ? ` and ${aside.length} put aside` : ''} removed${kept.length > 0 ? `; kept: ${kept.join(', ')}` : ''}.`,
      data: { removed: gone, kept: keep, aside },
    };
  },
});

const counted = (many: number) => `${many} ${many === 1 ? 'journal' : 'journals'}`;

/** Only a task itself knows whether its later runs read what the earlier ones wrote. */
async function rememberedTasks(names: ReadonlySet<string>): Promise<Set<string>> {
  const { findTask } = await import('../src/task/wired.ts');
  const found = await Promise.all([...names].map((name) => findTask(name)));
  const remembers = (known: AnyTask | undefined) => known?.kind === 'change' && known.remembered === true;
  return new Set(found.flatMap((known) => (known && remembers(known) ? [known.name] : [])));
}

export default task;
await main(task, import.meta);
