import { quoteIdentifier as q } from '@drydock/kit';
import type { Client } from 'pg';
import type { Address } from 'viem';
import type { Reader } from '../chain/client.ts';
import { chainError } from '../chain/errors.ts';
import type { EscrowState } from '../chain/escrow-state.ts';
import { type EventSeen, readLogs } from '../chain/logs.ts';
import { readPayments } from '../chain/payments.ts';
import type { Target } from '../target.ts';
import { shapeOf, table } from './columns.ts';
import { isReleased } from './names.ts';
import { wholeOf } from './row.ts';
import { amountSql, writtenTextSql, writtenTimeSql } from './typed.ts';
import type { JobRow } from './types.ts';

/** One milestone's row, as the chain has it. */
export interface PaymentRow {
  position: string;
  released: boolean;
  hash: string | null;
  /** Milliseconds since 1970. */
  at: number | null;
}

/**
 * Which rows are paid. Undefined if that does not explain what is unreleased: then amounts differ, and a person must decide.
 */
export async function paymentRows(
  { target, reader }: { target: Target; reader: Reader },
  client: Client,
  { row, address, escrow, deep }: { row: JobRow; address: Address; escrow: EscrowState; deep: bigint },
): Promise<PaymentRow[] | undefined> {
  const { amounts } = target.escrow.database;
  if ('column' in amounts || !amounts.releasedAt) return undefined;
  const { column } = await shapeOf(client, target.escrow.database);
  const amount = amountSql(column(amounts.table, amounts.amount), q(amounts.amount));
  const { rows } = await client.query<{ position: string; amount: string | null }>(
    `SELECT ${q(amounts.position)}::text AS position, ${amount}::text AS amount FROM ${table(target.escrow.database, amounts.table)}
      WHERE ${q(amounts.job)} = $1 ORDER BY ${q(amounts.position)}`,
    [row.id],
  );
  const wei = rows.map((one) => wholeOf(one.amount)).filter((one) => one !== undefined);
  if (wei.length !== rows.length) return undefined;
  const { milestones } = await readPayments(target, reader, { address, escrow, amounts: wei, block: deep });
  if (milestones?.length !== rows.length) return undefined;
  const open = wei.reduce((sum, amount, i) => (milestones[i]?.released ? sum : sum + amount), 0n);
  if (open !== escrow.unreleased) return undefined;
  const events = await releases(target, reader, address, deep);
  return Promise.all(
    rows.map(async ({ position }, i) => {
      const event = events.get(String(i));
      const at = event ? await timeOf(target, reader, event.block) : null;
      return { position, released: milestones[i]?.released ?? false, hash: event?.hash ?? null, at };
    }),
  );
}

async function timeOf(target: Target, reader: Reader, blockNumber: bigint): Promise<number> {
  try {
    return Number((await reader.getBlock({ blockNumber })).timestamp) * 1_000;
  } catch (cause) {
    throw chainError(target, `Block ${blockNumber} cannot be read`, cause);
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
export async function writePayments(
  client: Client,
  target: Target,
  job: string,
  payments: PaymentRow[],
): Promise<void> {
  const tables = target.escrow.database;
  const { amounts } = tables;
  if ('column' in amounts || !amounts.releasedAt) return;
  const shape = await shapeOf(client, tables);
  const released = q(amounts.releasedAt);
  const found = shape.column(amounts.table, amounts.releasedAt);
  const largest = `(SELECT pg_catalog.max(${released}) FROM ${table(tables, amounts.table)})`;
  const unpaid = found?.kind === 'boolean' ? 'false' : 'NULL';
  const hash = amounts.releaseTxHash
    ? `, ${q(amounts.releaseTxHash)} = CASE WHEN $3 THEN ${writtenTextSql(shape.column(amounts.table, amounts.releaseTxHash), '$5::text')} END`
    : '';
  for (const { position, released: paid, at, hash: tx } of payments)
    await client.query(
      `UPDATE ${table(tables, amounts.table)}
          SET ${released} = CASE WHEN $3::boolean THEN ${writtenTimeSql(found, '$4::float8', largest)} ELSE ${unpaid} END ${hash}
        WHERE ${q(amounts.job)} = $1 AND ${q(amounts.position)}::text = $2 AND ${isReleased(shape, amounts.table, amounts.releasedAt)} <> $3::boolean`,
      [job, position, paid, at ?? Date.now(), ...(hash ? [tx] : [])],
    );
}
