import { setTimeout as sleep } from 'node:timers/promises';
import { type Finding, withPostgres } from '@drydock/kit';
import type { Client } from 'pg';
import type { Reader } from './chain/client.ts';
import { chainError, refused } from './chain/errors.ts';
import { guardWrites } from './chain/guards.ts';
import { deepBelow, type Head, pin } from './chain/head.ts';
import type { Target } from './target.ts';

/** What was believed: nothing that is written later may be based on less. */
const TABLE = `
  CREATE SCHEMA IF NOT EXISTS drydock;
  CREATE TABLE IF NOT EXISTS drydock."EscrowBlock" (chain text PRIMARY KEY, number numeric NOT NULL, at timestamptz NOT NULL DEFAULT now())`;

/** An RPC that is behind has caught up by then, or is refused by the age of its block; and a chain that was set back is a new one. */
const REMEMBERED = '10 minutes';

export interface Trusted {
  head: Head;
  /** The newest block that is believed. */
  deep: bigint;
  findings: Finding[];
}

/**
 * What is asked before anything is written, into the chain or into the database: the guards of `guardWrites`, and that the
 * RPC is not behind what an earlier write was based on. One that is behind is waited for, for as long as for an answer.
 */
export async function trust(target: Target, reader: Reader): Promise<Trusted> {
  const findings = await guardWrites(target);
  const chain = await nameOf(target, reader);
  const deadline = Date.now() + target.chain.timeoutMs;
  return withPostgres(target.databaseUrl, 'drydock escrow', async (client) => {
    await client.query(TABLE);
    for (;;) {
      const head = await pin(target, reader);
      const deep = deepBelow(target, head.number);
      const seen = await highest(client, chain);
      if (seen === undefined || head.number >= seen) {
        if (deep >= 0n && (seen === undefined || deep > seen)) await remember(client, chain, deep);
        return { head, deep, findings };
      }
      if (Date.now() > deadline) throw behind(head, seen);
      await sleep(target.chain.pollMs);
    }
  });
}

/** A chain that was made anew has the same id, and another first block. */
async function nameOf(target: Target, reader: Reader): Promise<string> {
  try {
    const { hash } = await reader.getBlock({ blockNumber: BigInt(target.chain.startBlock) });
    return `${target.chain.chainId}:${hash}`;
  } catch (cause) {
    throw chainError(target, `Block ${target.chain.startBlock} (chain.startBlock) cannot be read`, cause);
  }
}

async function highest(client: Client, chain: string): Promise<bigint | undefined> {
  const { rows } = await client.query<{ number: string }>(
    `SELECT number::text FROM drydock."EscrowBlock" WHERE chain = $1 AND at > now() - $2::interval`,
    [chain, REMEMBERED],
  );
  return rows[0] && BigInt(rows[0].number);
}

async function remember(client: Client, chain: string, number: bigint): Promise<void> {
  await client.query(
    `INSERT INTO drydock."EscrowBlock" (chain, number) VALUES ($1, $2)
     ON CONFLICT (chain) DO UPDATE SET number = EXCLUDED.number, at = now()`,
    [chain, String(number)],
  );
}

function behind({ number }: Head, seen: bigint) {
  return refused(
    'BLOCK_BEHIND',
    `The newest block of the RPC is ${number}, and block ${seen} was there when something was last written: it is behind, and what it says may be old.`,
    'Wait until it has caught up, or put another RPC first in the variable of chain.rpcUrl.',
  );
}
