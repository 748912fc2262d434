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
}

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
  await withJobs(target, async (client) => {
    for await (const rows of readJobPages(client, target.escrow.database, { marked })) {
      const addresses = await locate.many(rows.map(({ id }) => id));
      const states = await readEscrows(target, reader, addresses, block);
      rows.forEach((row, i) => {
        const [address, state] = [addresses[i], states[i]];
        if (!address || !state) return;
        existing += state.exists ? 1 : 0;
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
      jobs += rows.length;
      onPage?.(jobs);
    }
  });
  await assertStill(target, reader, head);
  return { block, jobs, existing, counts };
}
