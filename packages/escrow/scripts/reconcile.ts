#!/usr/bin/env node
import {
  command,
  counted,
  defineChangeTask,
  defineStep,
  flag,
  main,
  operatorUrl,
  settleMatters,
  shownName,
  withPostgres,
} from '@drydock/kit';
import { lazily } from '../src/lazily.ts';
import type { Fixed, Left } from '../src/reconcile/fix.ts';

const BATCH = 200;
const room = lazily(() => import('../src/reconcile/room.ts'));

const flags = { fix: flag.boolean({ about: "write the chain's truth into the database" }) };

/** Journalled with the run. */
type ReconcilePlan = {
  jobs: string[];
  /** Nothing of theirs can be written: a person must decide. */
  left?: Left[];
  lines: string[];
  more: number;
  /** Escrows without a job: only a person can tell whose they are. */
  strays?: number;
};

const task = defineChangeTask({
  name: 'escrow:reconcile',
  summary: 'Compares every job with the chain, at one block, and tells where they differ.',
  description:
    "Exit 3 if they differ. --fix writes the chain's truth into the database, journalled, never the other way: flags, address,\n" +
    'transaction, payments of milestones, with the guards of a transaction. What moves meanwhile is left alone; an escrow of other amounts\n' +
    'or of other wallets than the job has is left for a person.',
  examples: ['npm run escrow:reconcile -- --env production', 'npm run escrow:reconcile -- --env staging --fix --plan'],
  flags,
  lock: 'environment',
  onFailure: 'keep',
  resumesFailed: true,
  look: (ctx) => (ctx.flags.fix ? undefined : room().then(({ look }) => look(ctx))),
  async plan(ctx): Promise<ReconcilePlan> {
    const { compareAll, openSession, SHOWN, trust } = await room();
    const session = await openSession(ctx);
    for (const { message } of (await trust(session.target, session.reader)).findings) ctx.out.warn(message);
    const found = await compareAll(ctx);
    const fixable = found.drift.filter(({ truth }) => truth);
    const left: Left[] = [
      ...found.drift.filter(({ truth }) => !truth).map(({ row, why, state }) => ({ job: row.id, why: why ?? state })),
      ...found.incomplete.jobs.map(({ row, why }) => ({ job: row.id, why, code: 'JOB_INCOMPLETE' })),
    ];
    const total = found.counts.drifted + found.counts.orphaned;
    return {
      jobs: fixable.map(({ row }) => row.id),
      left,
      lines: [
        ...fixable.slice(0, SHOWN).map(({ row, why }) => `job ${shownName(row.id)}: ${why ?? ''}`),
        ...(fixable.length > SHOWN ? [`and ${fixable.length - SHOWN} more`] : []),
        ...left.slice(0, SHOWN).map(({ job, why }) => `leave job ${shownName(job)}: ${why}`),
      ],
      more: total - found.drift.length + found.incomplete.all - found.incomplete.jobs.length,
      strays: found.strays.length,
    };
  },
  describe: ({ lines }) => lines,
  steps(ctx, { jobs }) {
    const session = lazily(async () => (await room()).openSession(ctx));
    const fixed = batchesOf(jobs).map((batch, i) =>
      defineStep<Fixed>({
        name: `write ${i * BATCH + 1} and on`,
        async run({ audit }) {
          const { fixJobs } = await room();
          const fixed = await fixJobs(await session(), batch);
          await audit('escrow.reconcile', { ...fixed }, `reconcile-${i}`);
          return fixed;
        },
      }),
    );
    return { nodes: fixed, fixed };
  },
  async outcome({ config, environment, env, run }, { jobs, left: planned = [], more, strays }, results, steps) {
    const { leftFinding } = await room();
    const all = steps.fixed.map((step) => results.of(step));
    const written = all.reduce((sum, one) => sum + one.written.length, 0);
    const left = [...planned, ...all.flatMap((one) => one.left)];
    const skipped = all.flatMap((one) => one.skipped);
    // A restore may have left the chain ahead.
    if (left.length === 0 && skipped.length === 0 && more === 0 && strays === 0)
      await withPostgres(operatorUrl(config, environment), 'drydock escrow:reconcile', (client) =>
        settleMatters(client, ['chain'], `escrow:reconcile, run ${run}`),
      );
    return {
      verdict: `${written} of ${counted(jobs.length + planned.length, 'job')} of ${env} ${written === 1 ? 'was' : 'were'} set to what the chain says${more > 0 ? `; ${counted(more, 'more waits', 'more wait')} for the next run` : ''}.`,
      ok: left.length === 0 && more === 0,
      data: { written, skipped, left, more },
      findings: left.map(leftFinding),
      next: command('escrow:reconcile', { env }),
    };
  },
});

function batchesOf(jobs: string[]): string[][] {
  return Array.from({ length: Math.ceil(jobs.length / BATCH) }, (_, i) => jobs.slice(i * BATCH, (i + 1) * BATCH));
}

export default task;
await main(task, import.meta);
