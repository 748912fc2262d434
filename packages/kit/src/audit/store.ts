import type { Client } from 'pg';
import { ensureOwnTable } from '../sql/own-table.ts';
import { inTransaction } from '../sql/transaction.ts';
import { GENESIS, type Head, hashEvent } from './chain.ts';
import type { AuditEvent, ChainedEvent } from './types.ts';

/** Serialises appends, so that every event follows exactly one other. The bytes of "AUDT". */
const APPEND_LOCK = 0x41554454;

const EVENTS = `
  seq bigint PRIMARY KEY, id text NOT NULL UNIQUE, at text NOT NULL, actor text NOT NULL, task text NOT NULL, env text NOT NULL,
  run text NOT NULL, event text NOT NULL, reason text, outcome text NOT NULL, metadata json NOT NULL,
  "prevHash" text NOT NULL, hash text NOT NULL, by json`;

/** The head row remembers how many events there are, so that rows cut off the end are noticed. */
const HEAD = 'one boolean PRIMARY KEY DEFAULT true CHECK (one), seq bigint NOT NULL, hash text NOT NULL';

/** Appends an event once: the same id again changes nothing. */
export async function insertEvent(client: Client, event: AuditEvent): Promise<void> {
  await inTransaction(client, async () => {
    await client.query('SELECT pg_advisory_xact_lock($1)', [APPEND_LOCK]);
    await ensureOwnTable(client, 'AuditEvent', EVENTS);
    await ensureOwnTable(client, 'audit_head', HEAD);
    const known = await client.query('SELECT 1 FROM drydock."AuditEvent" WHERE id = $1', [event.id]);
    if (known.rowCount === 0) await append(client, event);
  });
}

async function append(client: Client, given: AuditEvent): Promise<void> {
  const event = (await knowsBy(client)) ? await withSession(client, given) : withoutBy(given);
  const { seq, prevHash } = await nextPlace(client);
  const hash = hashEvent(prevHash, seq, event);
  const { id, at, actor, task, env, run, event: name, reason, outcome, metadata, by } = event;
  const values = [seq, id, at, actor, task, env, run, name, reason, outcome, JSON.stringify(metadata), prevHash, hash];
  await client.query(
    `INSERT INTO drydock."AuditEvent" (seq, id, at, actor, task, env, run, event, reason, outcome, metadata, "prevHash", hash${by ? ', by' : ''})
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13${by ? ', $14' : ''})`,
    by ? [...values, JSON.stringify(by)] : values,
  );
  await client.query(
    `INSERT INTO drydock.audit_head (seq, hash) VALUES ($1, $2) ON CONFLICT (one) DO UPDATE SET seq = $1, hash = $2`,
    [seq, hash],
  );
}

/**
 * The place after the last one that is known of. Where rows or the head were taken away, a run still ends well, and the chain shows
 * for good that something is missing: one place stays empty where the head is gone, which alone knew how many there were.
 */
async function nextPlace(client: Client): Promise<{ seq: number; prevHash: string }> {
  const head = await readHead(client);
  const { rows } = await client.query<{ seq: string; hash: string }>(
    'SELECT seq, hash FROM drydock."AuditEvent" ORDER BY seq DESC LIMIT 1',
  );
  const last: Head = { seq: Number(rows[0]?.seq ?? 0), hash: rows[0]?.hash ?? GENESIS };
  if (head && head.seq >= last.seq) return { seq: head.seq + 1, prevHash: head.hash };
  return { seq: last.seq + (last.seq === 0 ? 1 : 2), prevHash: last.hash };
}

/** A table of before has no such column; a role that may only insert cannot add it, and writes the event without. */
async function knowsBy(client: Client): Promise<boolean> {
  const { rows } = await client.query<{ found: boolean; ours: boolean }>(
    `SELECT EXISTS (SELECT FROM pg_attribute WHERE attrelid = c.oid AND attname = 'by' AND NOT attisdropped) AS found,
            pg_has_role(c.relowner, 'USAGE') AS ours
       FROM pg_class c WHERE c.oid = 'drydock."AuditEvent"'::regclass`,
  );
  if (rows[0]?.found || !rows[0]?.ours) return rows[0]?.found ?? false;
  await client.query('ALTER TABLE drydock."AuditEvent" ADD COLUMN by json');
  return true;
}

async function withSession(client: Client, event: AuditEvent): Promise<AuditEvent> {
  if (!event.by) return event;
  const { rows } = await client.query<{ session: string }>('SELECT session_user::text AS session');
  return { ...event, by: { ...event.by, session: rows[0]?.session ?? '' } };
}

function withoutBy({ by: _, ...event }: AuditEvent): AuditEvent {
  return event;
}

/** How many events are fetched at once. */
const PAGE = 500;

/** Every event, oldest first, as of one moment; however many there are, only a page of them is in memory. */
export async function eachEvent(client: Client, use: (event: ChainedEvent) => void): Promise<Head | undefined> {
  await client.query('BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY');
  try {
    const head = await readHead(client);
    if (await hasTable(client, 'AuditEvent')) {
      await client.query('DECLARE drydock_events NO SCROLL CURSOR FOR SELECT * FROM drydock."AuditEvent" ORDER BY seq');
      for (let rows = await nextPage(client); rows.length > 0; rows = await nextPage(client)) rows.forEach(use);
    }
    return head;
  } finally {
    await client.query('ROLLBACK');
  }
}

export async function readEvents(client: Client): Promise<ChainedEvent[]> {
  const events: ChainedEvent[] = [];
  await eachEvent(client, (event) => events.push(event));
  return events;
}

async function nextPage(client: Client): Promise<ChainedEvent[]> {
  const { rows } = await client.query<ChainedEvent & { seq: string }>(`FETCH ${PAGE} FROM drydock_events`);
  return rows.map((row) => ({ ...row, seq: Number(row.seq) }));
}

/** The newest events of one name, newest first. */
export async function readEventsNamed(client: Client, name: string, limit = 50): Promise<ChainedEvent[]> {
  if (!(await hasTable(client, 'AuditEvent'))) return [];
  const { rows } = await client.query<ChainedEvent & { seq: string }>(
    'SELECT * FROM drydock."AuditEvent" WHERE event = $1 ORDER BY seq DESC LIMIT $2',
    [name, limit],
  );
  return rows.map((row) => ({ ...row, seq: Number(row.seq) }));
}

export async function readHead(client: Client): Promise<Head | undefined> {
  if (!(await hasTable(client, 'audit_head'))) return undefined;
  const { rows } = await client.query<{ seq: string; hash: string }>('SELECT seq, hash FROM drydock.audit_head');
  return rows[0] && { seq: Number(rows[0].seq), hash: rows[0].hash };
}

async function hasTable(client: Client, name: 'AuditEvent' | 'audit_head'): Promise<boolean> {
  const { rows } = await client.query<{ found: boolean }>('SELECT to_regclass($1) IS NOT NULL AS found', [
    `drydock."${name}"`,
  ]);
  return rows[0]?.found === true;
}
