#!/usr/bin/env node
import { command, defineReadTask, flag, formatDuration, type Json, main, shownName } from '@drydock/kit';
import type { Listed } from '../src/status/list.ts';
import type { Survey } from '../src/survey.ts';
import { VERDICTS, type Verdict } from '../src/verdict.ts';

/** How many lines a person is shown; `--json` has all. */
const SHOWN = 100;

const task = defineReadTask({
  name: 'escrow:status',
  summary: 'Lists the jobs whose escrow is not settled: database, chain, transaction and verdict.',
  description:
    'Verdicts: ok, pending, stuck (pending past the threshold), orphaned (on the chain, and the database does not know), drifted (the two\n' +
    'sides differ), rolled-back. Jobs that never asked for an escrow are looked at by escrow:reconcile. Reads only; exit 3 if one is stuck,\n' +
    'orphaned or drifted, or cannot be compared (JOB_INCOMPLETE, with the column): that one stops no other.',
  examples: [
    'npm run escrow:status -- --env production',
    'npm run escrow:status -- --env staging --stuck --older-than 5m',
  ],
  flags: {
    stuck: flag.boolean({ about: 'only those that are stuck' }),
    olderThan: flag.duration({ about: 'what counts as stuck (default escrow.stuckAfterMs)' }),
  },
  async run(ctx) {
    const { incompleteFindings, listUnsettled, openSession } = await import('../src/status/room.ts');
    const session = await openSession(ctx);
    const { jobs, survey } = await listUnsettled(session, { stuckAfterMs: ctx.flags.olderThan });
    const listed = ctx.flags.stuck ? jobs.filter(({ verdict }) => verdict === 'stuck') : jobs;
    if (listed.length > 0) ctx.out.table(HEADER, listed.slice(0, SHOWN).map(row));
    if (listed.length > SHOWN) ctx.out.line(`and ${listed.length - SHOWN} more: --json names all`);
    for (const { row: job, why } of listed.slice(0, SHOWN)) if (why) ctx.out.line(`${shownName(job.id)}: ${why}`);
    const wrong = ctx.flags.stuck
      ? survey.counts.stuck
      : survey.counts.stuck + survey.counts.orphaned + survey.counts.drifted;
    return {
      verdict: verdictOf(ctx.env, survey, listed.length),
      ok: wrong + survey.incomplete.all === 0,
      data: {
        block: String(survey.block),
        counts: survey.counts,
        jobs: listed.map(toJson),
        incomplete: survey.incomplete.jobs.map(({ row: { id }, why }) => ({ job: id, why })),
      },
      findings: incompleteFindings(survey),
      ...nextOf(ctx.env, survey.counts, listed),
    };
  },
});

const HEADER = ['job', 'verdict', 'since', 'database', 'chain', 'unreleased (wei)', 'transaction', 'address'];

function row({ row: job, verdict, state, unreleased, transaction, address }: Listed): string[] {
  return [
    shownName(job.id),
    verdict,
    job.sinceMs === null ? '' : formatDuration(Math.max(0, Date.now() - job.sinceMs)),
    [job.pending ? 'pending' : '', job.deployed ? 'deployed' : ''].filter(Boolean).join(', ') || '–',
    state,
    String(unreleased),
    transaction,
    address,
  ];
}

function toJson({ row: job, verdict, state, unreleased, transaction, address, why }: Listed): Json {
  return {
    job: job.id,
    verdict,
    escrowPending: job.pending,
    escrowDeployed: job.deployed,
    since: job.sinceMs === null ? null : new Date(job.sinceMs).toISOString(),
    txHash: job.txHash,
    databaseAddress: job.address,
    address,
    chain: state,
    unreleased: String(unreleased),
    transaction: transaction || null,
    why: why ?? null,
  };
}

function verdictOf(env: string, { counts, incomplete }: Survey, listed: number): string {
  const parts = [
    ...VERDICTS.filter((verdict) => counts[verdict] > 0 && verdict !== 'ok').map(
      (verdict) => `${counts[verdict]} ${verdict}`,
    ),
    ...(incomplete.all > 0 ? [`${incomplete.all} that cannot be compared`] : []),
  ];
  return `${listed} ${listed === 1 ? 'job' : 'jobs'} of ${env} listed${parts.length > 0 ? `; in all ${parts.join(', ')}` : '; both sides agree'}.`;
}

function nextOf(env: string, counts: Record<Verdict, number>, listed: Listed[]) {
  const [stuck] = listed.filter(({ verdict }) => verdict === 'stuck');
  if (counts.stuck > 1) return { next: command('escrow:sweep', { env, plan: true }) };
  if (stuck) return { next: command('escrow:retry', { env, job: stuck.row.id, plan: true }) };
  if (counts.orphaned + counts.drifted > 0) return { next: command('escrow:reconcile', { env }) };
  return {};
}

export default task;
await main(task, import.meta);
