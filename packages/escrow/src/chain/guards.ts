import { type Finding, formatDuration } from '@drydock/kit';
import type { Hex } from 'viem';
import type { Target } from '../target.ts';
import { createReaders } from './client.ts';
import { chainError, reasonOf, refused } from './errors.ts';

/** What one RPC says of itself. */
export interface Sight {
  host: string;
  chainId: number;
  head: bigint;
  /** Of its newest block, in milliseconds since 1970. */
  headAtMs: number;
}

export type GuardTarget = Pick<Target, 'chain' | 'rpcUrls'>;

/**
 * Refuses a write on what cannot be trusted: another chain, a chain that stands still (or a clock that is wrong), RPCs
 * that do not agree on a block. Those that do not answer are told, and left out.
 */
export async function guardWrites(target: GuardTarget, now = Date.now()): Promise<Finding[]> {
  const readers = createReaders(target);
  const { sights, findings } = await look(target, readers);
  const max = target.chain.maxBlockAgeMs;
  for (const sight of sights) {
    refuseOtherChain(sight, target.chain.chainId);
    if (max !== null) refuseStale(sight, now, max);
  }
  if (sights.length > 1) await refuseDisagreement(readers, sights);
  return findings;
}

/** For tasks that only look: the chain must be the one that is meant. */
export async function guardReads(target: GuardTarget): Promise<Finding[]> {
  const { sights, findings } = await look(target, createReaders(target));
  for (const sight of sights) refuseOtherChain(sight, target.chain.chainId);
  return findings;
}

async function look(
  target: GuardTarget,
  readers: ReturnType<typeof createReaders>,
): Promise<{ sights: Sight[]; findings: Finding[] }> {
  const seen = await Promise.allSettled(
    readers.map(async ({ host, reader }): Promise<Sight> => {
      const [chainId, { number, timestamp }] = await Promise.all([reader.getChainId(), reader.getBlock()]);
      return { host, chainId, head: number, headAtMs: Number(timestamp) * 1_000 };
    }),
  );
  const sights = seen.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  const [first] = seen.flatMap((one) => (one.status === 'rejected' ? [one.reason] : []));
  if (sights.length === 0) throw chainError(target, 'The chain cannot be read', first);
  const findings = seen.flatMap((one, i): Finding[] =>
    one.status === 'fulfilled'
      ? []
      : [
          {
            level: 'warn',
            code: 'RPC_LEFT_OUT',
            message: `${readers[i]?.host} does not answer as it should (${reasonOf(one.reason)}); the others are asked.`,
          },
        ],
  );
  return { sights, findings };
}

function refuseOtherChain({ host, chainId }: Sight, expected: number): void {
  if (chainId === expected) return;
  throw refused(
    'WRONG_CHAIN',
    `${host} is chain ${chainId}, and chain.chainId says ${expected}.`,
    'Point the variable of chain.rpcUrl to the right chain, or mend chain.chainId in drydock.config.ts.',
  );
}

function refuseStale({ host, head, headAtMs }: Sight, now: number, maxMs: number): void {
  const age = now - headAtMs;
  if (Math.abs(age) <= maxMs) return;
  throw refused(
    'BLOCK_STALE',
    `The newest block of ${host}, ${head}, is ${formatDuration(Math.abs(age))} ${age > 0 ? 'old' : 'ahead of this clock'}; writes want ${formatDuration(maxMs)} at most.`,
    'The RPC stands still, the chain has halted, or the clock of this machine is wrong (timedatectl). Another RPC may be up to date.',
  );
}

/** All are asked for the newest block that all have. */
async function refuseDisagreement(readers: ReturnType<typeof createReaders>, sights: Sight[]): Promise<void> {
  const [height = 0n] = sights.map(({ head }) => head).sort((a, b) => (a < b ? -1 : 1));
  const hosts = new Set(sights.map(({ host }) => host));
  const answers = await Promise.all(
    readers
      .filter(({ host }) => hosts.has(host))
      .map(async ({ host, reader }): Promise<{ host: string; hash: Hex | undefined }> => {
        const block = await reader.getBlock({ blockNumber: height }).catch(() => undefined);
        return { host, hash: block?.hash };
      }),
  );
  const told = answers.filter(({ hash }) => hash !== undefined);
  const [first] = told;
  const other = told.find(({ hash }) => hash !== first?.hash);
  if (!first || !other) return;
  throw refused(
    'RPC_DISAGREE',
    `${first.host} and ${other.host} do not agree on block ${height} (${short(first.hash)} and ${short(other.hash)}).`,
    'One of them is on a fork or lies: wait until it has caught up, or leave it out of the variable of chain.rpcUrl.',
  );
}

function short(hash: Hex | undefined): string {
  return hash ? `${hash.slice(0, 10)}…` : '?';
}
