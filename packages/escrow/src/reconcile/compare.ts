import { isAddressEqual } from 'viem';
import { countLogs, firstBlock, readLogs } from '../chain/logs.ts';
import { readJobsById, withJobs } from '../jobs/read.ts';
import type { Session } from '../session.ts';
import { type Survey, type Surveyed, survey } from '../survey.ts';
import { compareTerms } from '../terms.ts';
import type { Judgement } from '../verdict.ts';

/** More are counted, not kept: memory stays flat however much has drifted. */
const KEPT = 1_000;

/** An escrow of the factory that no job of the database stands for. */
export interface Stray {
  job: string;
  address: string;
  hash: string;
  block: string;
}

export interface Comparison extends Survey {
  /** Where the two sides differ; the first 1,000. */
  drift: Surveyed[];
  strays: Stray[];
  /** Escrows older than this block were not looked for among the strays; undefined if all were. */
  straysFrom: bigint | undefined;
  /** What the escrows do not tell of how they were made. */
  untold: string[];
}

/** Every job against the chain, and every escrow of the factory against the jobs. */
export async function compare(session: Session, onPage: (jobs: number) => void): Promise<Comparison> {
  const { target, reader, locate } = session;
  const drift: Surveyed[] = [];
  const surveyed = await survey(target, reader, locate, {
    marked: false,
    wanted: (judgement) => isDrift(judgement) && drift.length < KEPT,
    onJob: (job) => drift.push(job),
    onPage,
  });
  const from = firstBlock(target, surveyed.block);
  const straysFrom = from > BigInt(target.chain.startBlock) ? from : undefined;
  const compared = await compareTerms(session, drift, surveyed.block);
  const untold = Object.keys(target.terms).filter((key) => target.terms[key as keyof typeof target.terms] === null);
  return { ...surveyed, untold, drift: compared, strays: await findStrays(session, surveyed), straysFrom };
}

export function isDrift({ verdict }: Judgement): boolean {
  return verdict === 'drifted' || verdict === 'orphaned';
}

/**
 * By the factory's events. As many as there are jobs with an escrow: each belongs to one, and none is read. Otherwise one
 * span of blocks, then one question to the database, so that no list of all is kept.
 */
async function findStrays({ target, reader, locate }: Session, { block, existing }: Survey): Promise<Stray[]> {
  const { event, jobId, escrow } = target.escrow.created;
  const wanted = { address: target.factory, abi: target.abi.factory, event };
  if (jobId === null || (await countLogs(target, reader, wanted, block)) === existing) return [];
  const strays: Stray[] = [];
  await withJobs(target, async (client) => {
    for await (const events of readLogs(target, reader, wanted, block)) {
      const made = new Map(events.map((one) => [String(one.args[jobId]), one]));
      const known = new Set((await readJobsById(client, target.escrow.database, [...made.keys()])).map(({ id }) => id));
      for (const [job, one] of made) {
        if (known.has(job)) continue;
        const address = String(one.args[escrow]);
        const ours = await locate.one(job).then(
          (at) => isAddressEqual(at, address as `0x${string}`),
          () => false,
        );
        if (ours && strays.length < KEPT) strays.push({ job, address, hash: one.hash, block: String(one.block) });
      }
    }
  });
  return strays;
}
