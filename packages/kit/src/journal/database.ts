import type { Client } from 'pg';
import { ensureOwnTable } from '../sql/own-table.ts';
import type { JournalEntry, RunProcess } from './types.ts';

/** One row a run; it stays when its entries are pruned, so that no checkout goes on with what has ended elsewhere. */
const RUN = `
  run text PRIMARY KEY, task text NOT NULL, env text NOT NULL, status text NOT NULL CHECK (status IN ('open', 'done', 'failed')),
  "startedAt" text NOT NULL, "lastAt" text NOT NULL, "writtenAt" timestamptz NOT NULL DEFAULT now(), actor text, host text`;
/** The lines of journal.jsonl. */
const ENTRY = 'run text NOT NULL, seq integer NOT NULL, entry json NOT NULL, PRIMARY KEY (run, seq)';

export interface RunHead {
  run: string;
  task: string;
  status: 'open' | 'done' | 'failed';
  /** Whose entries come last. */
  actor: string | null;
  host: string | null;
}

export async function ensureJournalTables(client: Client): Promise<void> {
  await ensureOwnTable(client, 'run', RUN);
  await ensureOwnTable(client, 'run_entry', ENTRY);
}

/** Of one run, in order; what is there already stays. */
export async function putEntries(client: Client, entries: readonly JournalEntry[]): Promise<void> {
  const [first, last] = [entries[0], entries.at(-1)];
  if (!first || !last) return;
  const process = entries.findLast(({ event }) => event === 'run.started' || event === 'run.resumed')?.data;
  const { actor, host } = (process ?? {}) as Partial<RunProcess & { actor: string }>;
  await client.query({
    // Planned once: a run has hundreds.
    name: 'drydock_put_entries',
    text: `WITH given AS (
       INSERT INTO drydock.run_entry (run, seq, entry)
       SELECT $1, seq, entry::json FROM unnest($7::int[], $8::text[]) AS given (seq, entry) ON CONFLICT (run, seq) DO NOTHING)
     INSERT INTO drydock.run AS known (run, task, env, status, "startedAt", "lastAt", actor, host) VALUES ($1, $2, $3, $4, $5, $6, $9, $10)
     ON CONFLICT (run) DO UPDATE SET status = EXCLUDED.status, "lastAt" = EXCLUDED."lastAt", "writtenAt" = now(),
                                     actor = coalesce(EXCLUDED.actor, known.actor), host = coalesce(EXCLUDED.host, known.host)`,
    values: [
      ...[first.run, first.task, first.env, statusAfter(last), first.at, last.at],
      entries.map(({ seq }) => seq),
      entries.map((entry) => inAscii(JSON.stringify(entry))),
      ...[actor ?? null, host ?? null],
    ],
  });
}

function statusAfter({ event }: JournalEntry): RunHead['status'] {
  if (event === 'run.done') return 'done';
  return event === 'run.failed' ? 'failed' : 'open';
}

/** A database of another encoding than UTF-8 takes it as well. */
function inAscii(json: string): string {
  return json.replace(/[\u0080-\uffff]/g, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** Those that did not end, and of those that are named all that are known. Nothing where no run was ever written down. */
export async function readHeads(client: Client, env: string, named: readonly string[]): Promise<RunHead[]> {
  if (!(await hasJournalTables(client))) return [];
  const { rows } = await client.query<RunHead>(
    `SELECT run, task, status, actor, host FROM drydock.run WHERE env = $1 AND (status = 'open' OR run = ANY ($2)) ORDER BY run`,
    [env, named],
  );
  return rows;
}

/** Lines by their numbers, as a journal has them. */
export async function readLines(client: Client, run: string): Promise<Map<number, string>> {
  const { rows } = await client.query<{ seq: number; entry: string }>(
    'SELECT seq, entry::text AS entry FROM drydock.run_entry WHERE run = $1 ORDER BY seq',
    [run],
  );
  return new Map(rows.map(({ seq, entry }) => [seq, JSON.stringify(JSON.parse(entry))]));
}

const KEPT_DAYS = 90;

/** Entries of runs that ended long ago, as far as the role may. */
export async function pruneEntries(client: Client): Promise<void> {
  const { rows } = await client.query<{ may: boolean | null }>(
    `SELECT has_table_privilege(to_regclass('drydock.run_entry'), 'DELETE') AS may`,
  );
  if (!rows[0]?.may) return;
  await client.query(
    `DELETE FROM drydock.run_entry e USING drydock.run r
      WHERE r.run = e.run AND r.status <> 'open' AND r."writtenAt" < now() - make_interval(days => $1)`,
    [KEPT_DAYS],
  );
}

export async function hasJournalTables(client: Client): Promise<boolean> {
  const { rows } = await client.query<{ there: boolean }>(
    `SELECT to_regclass('drydock.run') IS NOT NULL AND to_regclass('drydock.run_entry') IS NOT NULL AS there`,
  );
  return rows[0]?.there === true;
}
