import type { Client } from 'pg';
import type { Address, Hex } from 'viem';
import type { Known } from './deed.ts';

/**
 * Every transaction that a task hands over stands here first. A journal is known to one checkout alone, and a node may
 * hide what waits: whoever comes next, from wherever, must know which nonces are occupied.
 */
const TABLE = `
  CREATE SCHEMA IF NOT EXISTS drydock;
  CREATE TABLE IF NOT EXISTS drydock."EscrowTransaction" (
    seq bigint GENERATED ALWAYS AS IDENTITY, hash text PRIMARY KEY, deed text NOT NULL, sender text NOT NULL, nonce bigint NOT NULL,
    raw text NOT NULL, max numeric NOT NULL, priority numeric, block numeric, at timestamptz NOT NULL DEFAULT now())`;

interface Row {
  hash: string;
  sender: string;
  nonce: string;
  raw: string;
  max: string;
  priority: string | null;
  block: string | null;
}

/** False if another run has meanwhile sent one for the deed at another nonce: two could be mined. */
export async function writeSent(client: Client, deed: string, sent: Known, knew: string[]): Promise<boolean> {
  await client.query(TABLE);
  const { rows } = await client.query<{ hash: string }>(
    `INSERT INTO drydock."EscrowTransaction" (hash, deed, sender, nonce, raw, max, priority, block)
     SELECT $1, $2, $3, $4, $5, $6, $7, $8
      WHERE NOT EXISTS (SELECT 1 FROM drydock."EscrowTransaction" WHERE deed = $2 AND hash <> $1 AND NOT hash = ANY($9)
                           AND NOT (nonce = $4 AND lower(sender) = lower($3)))
     ON CONFLICT (hash) DO UPDATE SET deed = EXCLUDED.deed RETURNING hash`,
    [
      sent.hash,
      deed,
      sent.from,
      sent.nonce,
      sent.raw,
      String(sent.fees.max),
      sent.fees.priority === null ? null : String(sent.fees.priority),
      sent.block === undefined ? null : String(sent.block),
      knew,
    ],
  );
  return rows.length === 1;
}

/** What never left the machine occupies no nonce. */
export async function forgetSent(client: Client, hash: Hex): Promise<void> {
  await client.query('DELETE FROM drydock."EscrowTransaction" WHERE hash = $1', [hash]);
}

/** Newest first. */
export async function readSent(client: Client, deed: string): Promise<Known[]> {
  return read(client, 'deed = $1', deed);
}

/** The nonces from `nonce` on that transactions of this account have, for whatever deed. */
export async function noncesOf(client: Client, account: string, nonce: number): Promise<Set<number>> {
  const sent = await read(client, 'lower(sender) = lower($1) AND nonce >= $2', account, nonce);
  return new Set(sent.map((one) => one.nonce));
}

async function read(client: Client, where: string, ...values: unknown[]): Promise<Known[]> {
  const { rows: found } = await client.query(`SELECT to_regclass('drydock."EscrowTransaction"') IS NOT NULL AS there`);
  if (!found[0]?.there) return [];
  const { rows } = await client.query<Row>(
    `SELECT hash, sender, nonce::text, raw, max::text, priority::text, block::text FROM drydock."EscrowTransaction" WHERE ${where} ORDER BY seq DESC`,
    values,
  );
  return rows.map(({ hash, sender, nonce, raw, max, priority, block }) => ({
    hash: hash as Hex,
    nonce: Number(nonce),
    from: sender as Address,
    fees: { max: BigInt(max), priority: priority === null ? null : BigInt(priority) },
    raw: raw as Hex,
    block: block === null ? undefined : BigInt(block),
  }));
}
