import type { Finding, Outcome, TaskContext } from '@drydock/kit';
import { command, counted, shownName } from '@drydock/kit';
import { incompleteFindings } from '../incomplete.ts';
import { openSession } from '../session.ts';
import { type Comparison, compare } from './compare.ts';
import type { Fixed } from './fix.ts';
import { keepHeapSmall } from './heap.ts';

/** Findings for a person; `--json` has all that are kept. */
export const SHOWN = 50;

/** Every job against the chain, with a bar. */
export async function compareAll(ctx: Pick<TaskContext, 'config' | 'environment' | 'out'>): Promise<Comparison> {
  keepHeapSmall();
  const session = await openSession(ctx);
  const progress = ctx.out.progress('compare');
  const started = performance.now();
  try {
    const found = await compare(session, (jobs) =>
      progress.update(
        `${counted(jobs, 'job')}, ${Math.round((jobs / (performance.now() - started)) * 1_000)} a second`,
      ),
    );
    progress.done(`compare ${counted(found.jobs, 'job')} with block ${found.block}`);
    return found;
  } catch (error) {
    progress.fail();
    throw error;
  }
}

/** What differs, for a person; nothing is written. */
export async function look(ctx: Pick<TaskContext, 'config' | 'env' | 'environment' | 'out'>): Promise<Outcome> {
  const { jobs, block, counts, drift, strays, straysFrom, untold, incomplete } = await compareAll(ctx);
  const differ = counts.drifted + counts.orphaned + strays.length;
  const findings = [
    ...incompleteFindings({ incomplete }),
    ...drift.slice(0, SHOWN).map(
      ({ row, verdict, why }): Finding => ({
        level: 'error',
        code: verdict.toUpperCase(),
        message: `Job ${shownName(row.id)}: ${why ?? ''}.`,
      }),
    ),
    ...strays.slice(0, SHOWN).map(
      ({ job, address, hash }): Finding => ({
        level: 'error',
        code: 'STRAY',
        message: `The escrow ${address} of job ${shownName(job)} is on the chain, and there is no such job (transaction ${hash}).`,
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
    verdict: `${
      differ === 0 && incomplete.all > 0
        ? `${counted(jobs - incomplete.all, 'job')} of ${ctx.env} ${jobs - incomplete.all === 1 ? 'is' : 'are'} as the chain has them at block ${block}`
        : differ === 0
          ? `${jobs === 1 ? 'The one job' : `All ${jobs} jobs`} of ${ctx.env} ${jobs === 1 ? 'is' : 'are'} as the chain has them at block ${block}`
          : `${differ} of ${counted(jobs, 'job')} of ${ctx.env} ${differ === 1 ? 'differs' : 'differ'} from the chain at block ${block}${differ > 2 * SHOWN ? `; the first ${SHOWN} of each kind are shown` : ''}`
    }${incomplete.all > 0 ? `; ${incomplete.all} cannot be compared` : ''}.`,
    ok: differ + incomplete.all === 0,
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
      incomplete: incomplete.jobs.map(({ row: { id }, why }) => ({ job: id, why })),
    },
    findings,
    ...(differ > 0 ? { next: command('escrow:reconcile', { env: ctx.env, fix: true, plan: true }) } : {}),
  };
}

export function leftFinding({ job, why, code = 'NEEDS_A_PERSON' }: Fixed['left'][number]): Finding {
  return {
    level: 'error',
    code,
    message: `Job ${shownName(job)}: ${why}.`,
    hint: command('escrow:inspect', { job }),
  };
}
