import { toOpsError } from '@drydock/kit';
import { type Address, getAddress } from 'viem';
import type { Reader } from './chain/client.ts';
import { readEscrows } from './chain/escrow-state.ts';
import { assertStill, pin } from './chain/head.ts';
import type { Locate } from './chain/locate.ts';
import { readJobPages, withJobs } from './jobs/read.ts';
import type { JobRow } from './jobs/types.ts';
import type { Target } from './target.ts';
import { type Judgement, judge, VERDICTS, type Verdict } from './verdict.ts';

/** One job with both sides, as of one block. */
export interface Surveyed extends Judgement {
  row: JobRow;
  address: Address;
  unreleased: bigint;
}

export interface Survey {
  block: bigint;
  jobs: number;
  /** Jobs whose escrow is there. */
  existing: number;
  counts: Record<Verdict, number>;
  /** Jobs that cannot be compared, for what their rows say: how many, and the first 1,000. They stop nobody else. */
  incomplete: { all: number; jobs: Incomplete[] };
}

export interface Incomplete {
  row: JobRow;
  /** A sentence without its subject. */
  why: string;
}

/** More are counted, not kept: memory stays flat. */
const KEPT = 1_000;

/**
 * Compares all jobs with the chain, page by page: memory holds one page, whatever the number of jobs. Everything is
 * read at one block; should a reorganisation take that block away meanwhile, the whole is wrong and says so.
 */
export async function survey(
  target: Target,
  reader: Reader,
  locate: Locate,
  {
    marked,
    stuckAfterMs = target.escrow.stuckAfterMs,
    now = Date.now(),
    wanted,
    onJob,
    onPage,
  }: {
    /** Leave out jobs that never asked for an escrow. */
    marked: boolean;
    stuckAfterMs?: number | undefined;
    now?: number;
    /** The others are only counted: most are well, and a checksummed address for each is half of the work. */
    wanted: (judgement: Judgement) => boolean;
    onJob: (job: Surveyed) => unknown;
    onPage?: (jobs: number) => void;
  },
): Promise<Survey> {
  const head = await pin(target, reader);
  const block = head.number;
  const counts = Object.fromEntries(VERDICTS.map((verdict) => [verdict, 0])) as Record<Verdict, number>;
  let jobs = 0;
  let existing = 0;
  const incomplete: Survey['incomplete'] = { all: 0, jobs: [] };
  const leave = (row: JobRow, why: string) => {
    incomplete.all += 1;
    if (incomplete.jobs.length < KEPT) incomplete.jobs.push({ row, why });
  };
  await withJobs(target, async (client) => {
    for await (const page of readJobPages(client, target.escrow.database, { marked })) {
      const { rows, addresses } = await located(locate, page, leave);
      const states = await readEscrows(target, reader, addresses, block);
      rows.forEach((row, i) => {
        const [address, state] = [addresses[i], states[i]];
        if (!address || !state) return;
        existing += state.exists ? 1 : 0;
        if (row.problem !== undefined) {
          leave(row, row.problem);
          return;
        }
        const quick = judge(row, address, state, { now, stuckAfterMs });
        counts[quick.verdict] += 1;
        if (!wanted(quick)) return;
        const shown = getAddress(address);
        onJob({
          row,
          address: shown,
          unreleased: state.unreleased,
          ...judge(row, shown, state, { now, stuckAfterMs }),
        });
      });
      jobs += page.length;
      onPage?.(jobs);
    }
  });
  await assertStill(target, reader, head);
  return { block, jobs, existing, counts, incomplete };
}

/** An id that the salt rule cannot take is its own job's fault: the others have their addresses. */
async function located(
  locate: Locate,
  page: JobRow[],
  leave: (row: JobRow, why: string) => void,
): Promise<{ rows: JobRow[]; addresses: Address[] }> {
  try {
    return { rows: page, addresses: await locate.many(page.map(({ id }) => id)) };
  } catch (thrown) {
    if (toOpsError(thrown).code !== 'JOB_ID_MALFORMED') throw thrown;
  }
  const rows: JobRow[] = [];
  for (const row of page) {
    const why = locate.refuses(row.id);
    if (why === undefined) rows.push(row);
    else leave(row, why);
  }
  return { rows, addresses: await locate.many(rows.map(({ id }) => id)) };
}
