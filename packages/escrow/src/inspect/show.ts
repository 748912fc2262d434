import { type Json, type Output, shownName } from '@drydock/kit';
import type { Inspection } from './read.ts';

type Ether = (wei: bigint) => string;

interface Units {
  /** viem's, which is loaded only where something is shown. */
  formatEther: Ether;
  formatGwei: Ether;
  /** chain.startBlock */
  startBlock: number;
  /** Whether the money is ether; a token's amounts are told in its smallest unit. */
  isEther: boolean;
}

/** Both sides of one job, its history, its transactions and who may roll it back. */
export function printInspection(
  out: Output,
  found: Inspection,
  { formatEther, formatGwei, startBlock, isEther }: Units,
): void {
  const ether = (wei: bigint) => `${wei} wei (${formatEther(wei)} ETH)`;
  printSides(out, found, isEther ? ether : String, isEther);
  printHistory(out, found);
  if (found.historyFrom > BigInt(startBlock))
    out.line(`events and admins from block ${found.historyFrom} on (chain.startBlock, chain.logRange)`);
  printTransactions(out, found, (wei) => `${formatGwei(wei)} gwei`);
  for (const { address, balance } of found.admins) out.line(`may roll back: ${address}, ${ether(balance)}`);
}

function printSides(
  out: Output,
  { row, address, escrow, balance, block, baseFee, judgement }: Inspection,
  ether: Ether,
  isEther: boolean,
): void {
  out.table(
    ['', 'database', `chain (block ${block})`],
    [
      [
        'state',
        [row.pending ? 'pending' : '', row.deployed ? 'deployed' : ''].filter(Boolean).join(', ') || '–',
        judgement.state,
      ],
      ['address', row.address ?? '–', address],
      ['since', row.sinceMs === null ? '–' : new Date(row.sinceMs).toISOString(), ''],
      ['unreleased', row.open === undefined ? '–' : ether(row.open), ether(escrow.unreleased)],
      isEther ? ['total / balance', ether(row.total), ether(balance)] : ['total', ether(row.total), ''],
      ['base fee', '', baseFee === null ? '–' : `${Number(baseFee) / 1e9} gwei`],
    ],
  );
}

function printHistory(out: Output, { history }: Inspection): void {
  if (history.length === 0) return;
  out.line('');
  out.table(
    ['block', 'event', 'what', 'transaction'],
    history.map(({ block, name, args, hash }) => [
      String(block),
      name,
      Object.entries(args)
        .map(([key, value]) => `${key}=${shownName(String(value))}`)
        .join(' '),
      hash,
    ]),
  );
}

function printTransactions(out: Output, { transactions }: Inspection, gwei: Ether): void {
  if (transactions.length === 0) return;
  out.line('');
  out.table(
    ['transaction', 'state', 'nonce', 'from', 'offers per gas', 'known by', ''],
    transactions.map(({ hash, state, nonce, from, fees, source, note }) => [
      hash,
      state,
      nonce === undefined ? '?' : String(nonce),
      from ?? '?',
      fees ? gwei(fees.max) : '?',
      source,
      note,
    ]),
  );
  out.line('');
}

/** The same for `--json`; amounts are wei, in decimal. */
export function inspectionJson({
  row,
  address,
  block,
  escrow,
  judgement,
  balance,
  baseFee,
  history,
  transactions,
  admins,
}: Inspection): Json {
  const text = (value: bigint | undefined | null) => (value === undefined || value === null ? null : String(value));
  return {
    job: row.id,
    verdict: judgement.verdict,
    why: judgement.why ?? null,
    block: text(block),
    database: {
      escrowPending: row.pending,
      escrowDeployed: row.deployed,
      address: row.address,
      txHash: row.txHash,
      total: text(row.total),
      unreleased: text(row.open),
    },
    chain: {
      state: judgement.state,
      address,
      unreleased: text(escrow.unreleased),
      balance: text(balance),
      baseFee: text(baseFee),
    },
    events: history.map(({ name, args, hash, block: at }) => ({
      event: name,
      args: Object.fromEntries(Object.entries(args).map(([key, value]) => [key, String(value)])),
      transaction: hash,
      block: text(at),
    })),
    transactions: transactions.map(({ hash, state, nonce, from, fees, source, note, blockNumber }) => ({
      hash,
      state,
      nonce: nonce ?? null,
      from: from ?? null,
      maxFeePerGas: text(fees?.max),
      maxPriorityFeePerGas: text(fees?.priority),
      block: text(blockNumber),
      source,
      note,
    })),
    admins: admins.map((admin) => ({ address: admin.address, balance: text(admin.balance) })),
  };
}
