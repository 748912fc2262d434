import type { Client } from 'pg';
import { ensureOwnTable } from '../sql/own-table.ts';
import { GENESIS, hashEvent } from './chain.ts';
import type { AuditEvent, ChainedEvent } from './types.ts';

/** Serialises appends, so that every event follows exactly one other. The bytes of "AUDT". */
const APPEND_LOCK = 0x41554454;

const EVENTS = `
  seq bigint PRIMARY KEY, id text NOT NULL UNIQUE, at text NOT NULL, actor text NOT NULL, task text NOT NULL, env text NOT NULL,
  run text NOT NULL, event text NOT NULL, reason text, outcome text NOT NULL, metadata json NOT NULL,
  "prevHash" text NOT NULL, hash text NOT NULL`;

/** The head row remembers how many events there are, so that rows cut off the end are noticed. */
const HEAD = 'one boolean PRIMARY KEY DEFAULT true CHECK (one), seq bigint NOT NULL, hash text NOT NULL';

/** Appends an event once: the same id again changes nothing. */
export async function insertEvent(client: Client, event: AuditEvent): Promise<void> {
  await client.query('BEGIN');
  try {
    await client.query('SELECT pg_advisory_xact_lock($1)', [APPEND_LOCK]);
    await ensureOwnTable(client, 'AuditEvent', EVENTS);
    await ensureOwnTable(client, 'audit_head', HEAD);
    const known = await client.query('SELECT 1 FROM drydock."AuditEvent" WHERE id = $1', [event.id]);
    if (known.rowCount === 0) await append(client, event);
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK');
    throw error;
  }
}

async function append(client: Client, event: AuditEvent): Promise<void> {
  const head = await readHead(client);
  const seq = (head?.seq ?? 0) + 1;
  const prevHash = head?.hash ?? GENESIS;
  const hash = hashEvent(prevHash, seq, event);
  const { id, at, actor, task, env, run, event: name, reason, outcome, metadata } = event;
  await client.query(
    `INSERT INTO drydock."AuditEvent" (seq, id, at, actor, task, env, run, event, reason, outcome, metadata, "prevHash", hash)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`,
    [seq, id, at, actor, task, env, run, name, reason, outcome, JSON.stringify(metadata), prevHash, hash],
  );
  await client.query(
    `INSERT INTO drydock.audit_head (seq, hash) VALUES ($1, $2) ON CONFLICT (one) DO UPDATE SET seq = $1, hash = $2`,
    [seq, hash],
  );
}

export async function readEvents(client: Client): Promise<ChainedEvent[]> {
  if (!(await hasTables(client))) return [];
  const { rows } = await client.query<ChainedEvent & { seq: string }>(
    'SELECT * FROM drydock."AuditEvent" ORDER BY seq',
  );
  return rows.map((row) => ({ ...row, seq: Number(row.seq) }));
}

/** The newest events of one name, newest first. */
export async function readEventsNamed(client: Client, name: string, limit = 50): Promise<ChainedEvent[]> {
  if (!(await hasTables(client))) return [];
  const { rows } = await client.query<ChainedEvent & { seq: string }>(
    'SELECT * FROM drydock."AuditEvent" WHERE event = $1 ORDER BY seq DESC LIMIT $2',
    [name, limit],
  );
  return rows.map((row) => ({ ...row, seq: Number(row.seq) }));
}

/** Events from a moment on (ISO 8601), oldest first. */
export async function readEventsSince(client: Client, at: string): Promise<ChainedEvent[]> {
  if (!(await hasTables(client))) return [];
  const { rows } = await client.query<ChainedEvent & { seq: string }>(
    'SELECT * FROM drydock."AuditEvent" WHERE at >= $1 ORDER BY seq',
    [at],
  );
  return rows.map((row) => ({ ...row, seq: Number(row.seq) }));
}

export async function readHead(client: Client): Promise<{ seq: number; hash: string } | undefined> {
  if (!(await hasTables(client))) return undefined;
  const { rows } = await client.query<{ seq: string; hash: string }>('SELECT seq, hash FROM drydock.audit_head');
  return rows[0] && { seq: Number(rows[0].seq), hash: rows[0].hash };
}

async function hasTables(client: Client): Promise<boolean> {
  const { rows } = await client.query<{ found: string | null }>(
    `SELECT to_regclass('drydock.audit_head')::text AS found`,
  );
  return Boolean(rows[0]?.found);
}
