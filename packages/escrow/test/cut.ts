import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** What a kill at some moment would have left of the newest run: its journal, here and in the database, ends behind so many lines. */
export async function cutJournal(
  query: (sql: string, values: unknown[]) => Promise<unknown>,
  root: string,
  keep: (lines: string[]) => number,
): Promise<void> {
  const runs = join(root, '.drydock/runs');
  const run = readdirSync(runs).sort().at(-1) ?? '';
  const file = join(runs, run, 'journal.jsonl');
  const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
  const kept = keep(lines);
  writeFileSync(file, `${lines.slice(0, kept).join('\n')}\n`);
  await query('DELETE FROM drydock.run_entry WHERE run = $1 AND seq > $2', [run, kept]);
  await query(`UPDATE drydock.run SET status = 'open' WHERE run = $1`, [run]);
}
