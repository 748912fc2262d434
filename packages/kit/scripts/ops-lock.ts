#!/usr/bin/env node
import { setTimeout as sleep } from 'node:timers/promises';
import { usageError } from '../src/errors.ts';
import { command } from '../src/hint.ts';
import { defineStep } from '../src/steps/types.ts';
import { flag } from '../src/task/flags.ts';
import { main } from '../src/task/main.ts';
import { defineChangeTask } from '../src/task/types.ts';

const task = defineChangeTask({
  name: 'ops:lock',
  summary: 'Takes the operations lock of an environment by hand, and holds it: nothing else changes it meanwhile.',
  description:
    'A freeze, or work that no task does. It ends after --for, or with Ctrl-C (exit 0); with the process the lock is free. Whoever comes meanwhile is\n' +
    'told who holds it, since when and why; with --lock-wait they wait for its end.',
  examples: ['npm run ops:lock -- --env production --reason "code freeze" --for 2h'],
  flags: { for: flag.duration({ about: 'give it back after so long (default: with Ctrl-C)' }) },
  lock: 'environment',
  restartable: true,
  untilStopped: true,
  async plan({ env, flags, reason }) {
    if (!reason)
      throw usageError(
        'REASON_MISSING',
        'Whoever is held off has to be told why.',
        command('ops:lock', { env, reason: '…' }),
      );
    return { ms: flags.for ?? null };
  },
  describe: ({ ms }) => [ms === null ? 'hold the lock until Ctrl-C' : `hold the lock for ${Math.round(ms / 1_000)} s`],
  steps: ({ signal }, { ms }) => [
    defineStep({
      name: 'hold',
      async run({ audit }) {
        await audit('ops.lock', { seconds: ms === null ? null : Math.round(ms / 1_000) });
        const until = ms === null ? Number.POSITIVE_INFINITY : Date.now() + ms;
        while (Date.now() < until && !signal.aborted)
          await sleep(Math.min(until - Date.now(), ONE_WAIT_MS), undefined, { signal }).catch(() => {});
        return null;
      },
    }),
  ],
  outcome: ({ env }) => ({ verdict: `The lock of ${env} is given back.` }),
});

/** A timer takes no more than 24 days. */
const ONE_WAIT_MS = 3_600_000;

export default task;
await main(task, import.meta);
