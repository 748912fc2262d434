import type { Client } from 'pg';
import { ensureTable, hasTable } from './tables.ts';
import type { Decision, Evidence, NewEvidence } from './types.ts';

type Row = Omit<Evidence, 'at' | 'until'> & { at: Date; until: Date | null };

export async function insertEvidence(client: Client, env: string, evidence: NewEvidence): Promise<void> {
  await ensureTable(client, 'release_evidence');
  const { commit, item, ok, says, link, by, until, run } = evidence;
  await client.query(
    `INSERT INTO drydock.release_evidence (env, commit, item, ok, says, link, by, until, run) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
    [env, commit, item, ok, says, link, by, until, run],
  );
}

export async function readEvidence(client: Client, env: string, commit: string): Promise<Evidence[]> {
  if (!(await hasTable(client, 'release_evidence'))) return [];
  const { rows } = await client.query<Row>(
    `SELECT DISTINCT ON (item) env, commit, item, ok, says, link, by, at, until, run
       FROM drydock.release_evidence WHERE env = $1 AND commit = $2 ORDER BY item, seq DESC`,
    [env, commit],
  );
  return rows.map((row) => ({ ...row, at: row.at.toISOString(), until: row.until?.toISOString() ?? null }));
}

export async function insertDecision(
  client: Client,
  said: { run: string; step: string; decision: Decision; by: string; reason: string },
): Promise<void> {
  await ensureTable(client, 'release_decision');
  const { run, step, decision, by, reason } = said;
  await client.query(
    'INSERT INTO drydock.release_decision (run, step, decision, by, reason) VALUES ($1, $2, $3, $4, $5)',
    [run, step, decision, by, reason],
  );
}

export async function readDecision(client: Client, run: string, step: string): Promise<Decision | undefined> {
  if (!(await hasTable(client, 'release_decision'))) return undefined;
  const { rows } = await client.query<{ decision: Decision }>(
    'SELECT decision FROM drydock.release_decision WHERE run = $1 AND step = $2 ORDER BY seq DESC LIMIT 1',
    [run, step],
  );
  return rows[0]?.decision;
}
