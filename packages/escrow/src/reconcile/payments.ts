import { quoteIdentifier as q } from '@drydock/kit';
import type { Client } from 'pg';
import type { Abi, Address } from 'viem';
import type { Reader } from '../chain/client.ts';
import { chainError } from '../chain/errors.ts';
import { type EventSeen, readLogs } from '../chain/logs.ts';
import { table } from '../jobs/names.ts';
import type { Target } from '../target.ts';

/** One milestone as the chain has it. */
export interface Payment {
  position: string;
  released: boolean;
  hash: string | null;
  /** Milliseconds since 1970. */
  at: number | null;
}

/**
 * Which milestones are paid, each asked of the contract. Undefined if that does not explain what is unreleased: then
 * amounts differ, and a person must decide.
 */
export async function readPayments(
  target: Target,
  reader: Reader,
  client: Client,
  { job, address, unreleased, block }: { job: string; address: Address; unreleased: bigint; block: bigint },
): Promise<Payment[] | undefined> {
  const { amounts } = target.escrow.database;
  const { released } = target.escrow.reads;
  if ('column' in amounts || !amounts.releasedAt || !released) return undefined;
  const { rows } = await client.query<{ position: string; amount: string }>(
    `SELECT ${q(amounts.position)}::text AS position, ${q(amounts.amount)}::text AS amount FROM ${table(target.escrow.database, amounts.table)}
      WHERE ${q(amounts.job)} = $1 ORDER BY ${q(amounts.position)}`,
    [job],
  );
  const paid = await Promise.all(rows.map((_, i) => isReleased(target, reader, address, released, i, block)));
  const open = rows.reduce((sum, { amount }, i) => (paid[i] ? sum : sum + BigInt(amount)), 0n);
  if (open !== unreleased) return undefined;
  const events = await releases(target, reader, address, block);
  return Promise.all(
    rows.map(async ({ position }, i) => {
      const event = events.get(String(i));
      const at = event ? Number((await reader.getBlock({ blockNumber: event.block })).timestamp) * 1_000 : null;
      return { position, released: paid[i] ?? false, hash: event?.hash ?? null, at };
    }),
  );
}

async function isReleased(
  target: Target,
  reader: Reader,
  address: Address,
  functionName: string,
  index: number,
  blockNumber: bigint,
): Promise<boolean> {
  try {
    const abi: Abi = target.abi.escrow;
    return (await reader.readContract({ address, abi, functionName, args: [BigInt(index)], blockNumber })) as boolean;
  } catch (cause) {
    throw chainError(target, `The escrow ${address} does not say whether milestone ${index} is released`, cause);
  }
}

/** By milestone; its number is the event's first parameter. */
async function releases(
  target: Target,
  reader: Reader,
  address: Address,
  block: bigint,
): Promise<Map<string, EventSeen>> {
  const event = target.escrow.reads.releasedEvent;
  const found = new Map<string, EventSeen>();
  if (!event) return found;
  for await (const seen of readLogs(target, reader, { address, abi: target.abi.escrow, event }, block))
    for (const one of seen) found.set(String(Object.values(one.args)[0]), one);
  return found;
}

/** Writes only what differs. */
export async function writePayments(client: Client, target: Target, job: string, payments: Payment[]): Promise<void> {
  const tables = target.escrow.database;
  const { amounts } = tables;
  if ('column' in amounts || !amounts.releasedAt) return;
  const hash = amounts.releaseTxHash ? `, ${q(amounts.releaseTxHash)} = CASE WHEN $3 THEN $5 END` : '';
  for (const { position, released, at, hash: tx } of payments)
    await client.query(
      `UPDATE ${table(tables, amounts.table)}
          SET ${q(amounts.releasedAt)} = CASE WHEN $3 THEN to_timestamp($4::float8 / 1000) AT TIME ZONE 'UTC' END ${hash}
        WHERE ${q(amounts.job)} = $1 AND ${q(amounts.position)}::text = $2 AND (${q(amounts.releasedAt)} IS NOT NULL) <> $3::boolean`,
      [job, position, released, at ?? Date.now(), ...(hash ? [tx] : [])],
    );
}
