import { defineChangeTask, defineStep, type Finding, flag, type Outcome, type TaskContext } from '@drydock/kit';
import { shown } from '../jobs/shown.ts';
import { lazily } from '../lazily.ts';
import type { Comparison } from '../reconcile/compare.ts';
import type { Fixed } from '../reconcile/fix.ts';

const BATCH = 200;
/** Findings for a person; `--json` has all that are kept. */
const SHOWN = 50;

const flags = { fix: flag.boolean({ about: "write the chain's truth into the database" }) };

/** Journalled with the run. */
type ReconcilePlan = {
  jobs: string[];
  /** Nothing of theirs can be written: a person must decide. */
  left?: { job: string; why: string }[];
  lines: string[];
  more: number;
};

export const reconcileTask = defineChangeTask({
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
  look: (ctx) => (ctx.flags.fix ? undefined : look(ctx)),
  async plan(ctx): Promise<ReconcilePlan> {
    const { openSession } = await import('../session.ts');
    const { trust } = await import('../trust.ts');
    const session = await openSession(ctx);
    for (const { message } of (await trust(session.target, session.reader)).findings) ctx.out.warn(message);
    const found = await compareAll(ctx);
    const fixable = found.drift.filter(({ truth }) => truth);
    const left = found.drift
      .filter(({ truth }) => !truth)
      .map(({ row, why, state }) => ({ job: row.id, why: why ?? state }));
    const total = found.counts.drifted + found.counts.orphaned;
    return {
      jobs: fixable.map(({ row }) => row.id),
      left,
      lines: [
        ...fixable.slice(0, SHOWN).map(({ row, why }) => `job ${shown(row.id)}: ${why ?? ''}`),
        ...(fixable.length > SHOWN ? [`and ${fixable.length - SHOWN} more`] : []),
        ...left.slice(0, SHOWN).map(({ job, why }) => `leave job ${shown(job)}: ${why}`),
      ],
      more: total - found.drift.length,
    };
  },
  describe: ({ lines }) => lines,
  steps(ctx, { jobs }) {
    const session = lazily(async () => (await import('../session.ts')).openSession(ctx));
    return batchesOf(jobs).map((batch, i) =>
      defineStep<Fixed>({
        name: stepName(i),
        async run({ audit }) {
          const { fixJobs } = await import('../reconcile/fix.ts');
          const fixed = await fixJobs(await session(), batch);
          await audit('escrow.reconcile', { ...fixed }, `reconcile-${i}`);
          return fixed;
        },
      }),
    );
  },
  outcome({ env }, { jobs, left: planned = [], more }, results) {
    const all = batchesOf(jobs).map((_, i) => results.get<Fixed>(stepName(i)));
    const written = all.reduce((sum, one) => sum + one.written.length, 0);
    const left = [...planned, ...all.flatMap((one) => one.left)];
    return {
      verdict: `${written} of ${jobs.length + planned.length} jobs of ${env} were set to what the chain says${more > 0 ? `; ${more} more wait for the next run` : ''}.`,
      ok: left.length === 0 && more === 0,
      data: { written, skipped: all.flatMap((one) => one.skipped), left, more },
      findings: left.map(leftFinding),
      next: `npm run escrow:reconcile -- --env ${env}`,
    };
  },
});

function batchesOf(jobs: string[]): string[][] {
  return Array.from({ length: Math.ceil(jobs.length / BATCH) }, (_, i) => jobs.slice(i * BATCH, (i + 1) * BATCH));
}

const stepName = (i: number) => `write ${i * BATCH + 1} and on`;

async function compareAll(ctx: Pick<TaskContext, 'config' | 'environment' | 'out'>): Promise<Comparison> {
  const { keepHeapSmall } = await import('../reconcile/heap.ts');
  keepHeapSmall();
  const { openSession } = await import('../session.ts');
  const { compare } = await import('../reconcile/compare.ts');
  const session = await openSession(ctx);
  const progress = ctx.out.progress('compare');
  const started = performance.now();
  try {
    const found = await compare(session, (jobs) =>
      progress.update(`${jobs} jobs, ${Math.round((jobs / (performance.now() - started)) * 1_000)} a second`),
    );
    progress.done(`compare ${found.jobs} jobs with block ${found.block}`);
    return found;
  } catch (error) {
    progress.fail();
    throw error;
  }
}

async function look(ctx: TaskContext<typeof flags>): Promise<Outcome> {
  const { jobs, block, counts, drift, strays, straysFrom, untold } = await compareAll(ctx);
  const differ = counts.drifted + counts.orphaned + strays.length;
  const findings = [
    ...drift.slice(0, SHOWN).map(
      ({ row, verdict, why }): Finding => ({
        level: 'error',
        code: verdict.toUpperCase(),
        message: `Job ${shown(row.id)}: ${why ?? ''}.`,
      }),
    ),
    ...strays.slice(0, SHOWN).map(
      ({ job, address, hash }): Finding => ({
        level: 'error',
        code: 'STRAY',
        message: `The escrow ${address} of job ${shown(job)} is on the chain, and there is no such job (transaction ${hash}).`,
        hint: 'Was the database restored from before it? Nothing is written for a job that does not exist.',
      }),
    ),
    ...(untold.length === 0
      ? []
      : [
          {
            level: 'info' as const,
            code: 'TERMS_NOT_TOLD',
            message: `The escrow's ABI does not tell ${untold.join(', ')}: whether an escrow that the database does not know is the one that its job asks for was compared without.`,
            hint: 'escrow.reads in drydock.config.ts names the views.',
          },
        ]),
    ...(straysFrom === undefined
      ? []
      : [
          {
            level: 'info' as const,
            code: 'STRAYS_FROM',
            message: `Escrows without a job were looked for from block ${straysFrom} on.`,
            hint: 'Set chain.startBlock to where the factory was deployed, and chain.logRange to what the RPC allows.',
          },
        ]),
  ];
  return {
    verdict:
      differ === 0
        ? `All ${jobs} jobs of ${ctx.env} are as the chain has them at block ${block}.`
        : `${differ} of ${jobs} jobs of ${ctx.env} differ from the chain at block ${block}${differ > 2 * SHOWN ? `; the first ${SHOWN} of each kind are shown` : ''}.`,
    ok: differ === 0,
    data: {
      jobs,
      block: String(block),
      counts,
      drift: drift.map(({ row, verdict, state, address, why }) => ({
        job: row.id,
        verdict,
        chain: state,
        address,
        why: why ?? null,
      })),
      strays: strays.map((stray) => ({ ...stray })),
    },
    findings,
    ...(differ > 0 ? { next: `npm run escrow:reconcile -- --env ${ctx.env} --fix --plan` } : {}),
  };
}

function leftFinding({ job, why }: Fixed['left'][number]): Finding {
  return {
    level: 'error',
    code: 'NEEDS_A_PERSON',
    message: `Job ${shown(job)}: ${why}.`,
    hint: `npm run escrow:inspect -- --job ${shown(job)}`,
  };
}
