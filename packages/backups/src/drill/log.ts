import { existsSync, readFileSync } from 'node:fs';
import { writeDurably } from '@drydock/kit';

export type DrillRow = {
  run: string;
  /** ISO 8601. */
  at: string;
  env: string;
  backup: string;
  /** Seconds until the copy was restored and proved. */
  rto: number;
  /** Age of the data at the beginning of the drill, in minutes. */
  rpo: number;
  tables: number;
  rows: number;
  queries: number;
  result: string;
};

const HEADING = '## Drills';
const HEADER = [
  '| date (UTC) | environment | backup | time to restore | age of the data | tables | rows | queries | result |',
  '| --- | --- | --- | --- | --- | --- | --- | --- | --- |',
];

/** A row under "Drills", at the end of the file; once a run. The file may not be there yet. */
export function appendDrill(file: string, row: DrillRow): void {
  const text = existsSync(file) ? readFileSync(file, 'utf8') : '# Backups\n';
  if (text.includes(`<!-- ${row.run} -->`)) return;
  const begun = text.includes(`\n${HEADING}\n`)
    ? text.trimEnd()
    : `${text.trimEnd()}\n\n${HEADING}\n\n${HEADER.join('\n')}`;
  // A document of the repository: read by others too.
  writeDurably(file, `${begun}\n${line(row)}\n`, 0o644);
}

function line({ run, at, env, backup, rto, rpo, tables, rows, queries, result }: DrillRow): string {
  const cells = [
    at.slice(0, 16).replace('T', ' '),
    env,
    backup,
    `${rto.toFixed(1)} s`,
    `${Math.round(rpo)} min`,
    String(tables),
    rows.toLocaleString('en'),
    String(queries),
    `${result.replaceAll('|', '\\|').replaceAll('\n', ' ')} <!-- ${run} -->`,
  ];
  return `| ${cells.join(' | ')} |`;
}
