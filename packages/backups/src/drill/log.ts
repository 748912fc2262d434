import { markdownText } from '@drydock/kit';

/** Of the audit event `backup.drill`: what a drill is recorded as. */
export type Drill = {
  /** ISO 8601: when it began. */
  at: string;
  backup: string;
  passed: boolean;
  /** Seconds until the copy was restored and proved. */
  rto: number;
  /** Age of the data at the beginning of the drill, in minutes. */
  rpo: number;
  tables: number;
  rows: number;
  queries: number;
  faults: string[];
  unproved: string[];
};

/** The table of the backups' document; `docs:records` writes it from the audit log. */
export const drillTable = {
  title: '# Backups',
  heading: '## Drills',
  columns: [
    'date (UTC)',
    'environment',
    'backup',
    'time to restore',
    'age of the data',
    'tables',
    'rows',
    'queries',
    'result',
  ],
  cells: (env: string, { at, backup, rto, rpo, tables, rows, queries, ...drill }: Drill): string[] => [
    at.slice(0, 16).replace('T', ' '),
    markdownText(env),
    markdownText(backup),
    `${rto.toFixed(1)} s`,
    `${Math.round(rpo)} min`,
    String(tables),
    rows.toLocaleString('en'),
    String(queries),
    markdownText(resultOf(drill)),
  ],
};

function resultOf({ passed, faults, unproved }: Pick<Drill, 'passed' | 'faults' | 'unproved'>): string {
  if (passed) return 'passed';
  return faults[0] ? `FAILED: ${faults[0]}` : `NOT PROVED: ${unproved[0]}`;
}
