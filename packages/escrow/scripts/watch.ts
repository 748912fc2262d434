#!/usr/bin/env node
import {
  command,
  counted,
  defineReadTask,
  flag,
  main,
  OpsError,
  reportFailure,
  shownName,
  type TaskContext,
} from '@drydock/kit';

const INTERVAL_MS = 15_000;

const task = defineReadTask({
  name: 'escrow:watch',
  summary: 'Follows the chain and the queue of escrows, and warns of those that become stuck.',
  description:
    'For a terminal or a service: a line for each change, a warning and an event for Sentry (SENTRY_DSN) for each escrow that becomes\n' +
    'stuck. An RPC or a database that goes away is told once and waited for. Ends with --for, Ctrl-C or SIGTERM; with --for exit 3 if\n' +
    'something is stuck, orphaned or drifted at the end.',
  examples: [
    'npm run escrow:watch -- --env production',
    'npm run escrow:watch -- --env staging --interval 5s --for 10m',
  ],
  untilStopped: true,
  flags: {
    interval: flag.duration({ about: 'time between two looks (default 15s)' }),
    for: flag.duration({ about: 'end after this' }),
    olderThan: flag.duration({ about: 'what counts as stuck (default escrow.stuckAfterMs)' }),
  },
  async run(ctx) {
    const { openSession, watch } = await import('../src/watch/room.ts');
    const { flags, out, env } = ctx;
    const at = () => new Date().toISOString();
    const { seen, incomplete, looks, losses } = await watch({
      open: () => openSession(ctx),
      intervalMs: flags.interval ?? INTERVAL_MS,
      until: flags.for === undefined ? undefined : Date.now() + flags.for,
      stuckAfterMs: flags.olderThan,
      signal: ctx.signal,
      say: (line) => out.line(`${at()}  ${line}`),
      warn: (line) => out.warn(`${at()}  ${line}`),
      report: (jobs) => report(ctx, jobs),
    });
    const wrong = [...seen.values()].filter((verdict) => verdict !== 'pending').length + incomplete.size;
    return {
      verdict: `Looked ${counted(looks, 'time')} at ${env}${losses > 0 ? `, lost sight ${counted(losses, 'time')}` : ''}; ${wrong === 0 ? 'nothing is wrong' : counted(wrong, 'needs attention', 'need attention')}.`,
      ok: wrong === 0 && looks > 0,
      data: { looks, losses, jobs: Object.fromEntries(seen) },
      ...(wrong > 0 ? { next: command('escrow:status', { env }) } : {}),
    };
  },
});

async function report({ environment, env, run, task, out }: TaskContext, jobs: string[]): Promise<void> {
  const dsn = environment.get('SENTRY_DSN');
  if (!dsn) return;
  const error = new OpsError({
    code: 'ESCROW_STUCK',
    message: `${jobs.length} ${jobs.length === 1 ? 'escrow has' : 'escrows have'} become stuck on ${env}: ${jobs.slice(0, 20).map(shownName).join(', ')}`,
  });
  if (!(await reportFailure(error, { task, env, run, dsn }))) out.warn('Sentry could not be told.');
}

export default task;
await main(task, import.meta);
