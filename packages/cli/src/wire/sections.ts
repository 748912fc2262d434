/** Sections of the runbook, in its order, and what their tasks are there for. */
export const SECTIONS = {
  '1 Environments': 'the parity table as checks, where each value comes from, whose a database is',
  '2 Deployment': 'checkout → artefact → staging → production, blue/green without downtime',
  '3 Migrations': 'rehearsed on a copy, applied step by step, proved, undone',
  '4 Seeding': 'the first admins, and demo data',
  '5 Backup': 'one snapshot, encrypted while it streams; restored beside the live database, and proved',
  '6 Secrets': 'rotated with no failed request; the old one proved dead',
  '7 Escrow': 'found, retried and rolled back exactly once, chain and database',
  '8 Performance': 'healthy now, healthy while we look, when to scale; alerts and a page from the same objectives',
  'all sections': 'what was done, what is unfinished, who holds the lock',
  'this toolkit': 'the world to try it in, the machine, the lists of tasks',
} as const;
export type Section = keyof typeof SECTIONS;

/** By the first word of a task's name; `db:` alone is migrations. */
const BY_WORD: Record<string, Section> = {
  env: '1 Environments',
  release: '2 Deployment',
  db: '3 Migrations',
  seed: '4 Seeding',
  backup: '5 Backup',
  secrets: '6 Secrets',
  escrow: '7 Escrow',
  health: '8 Performance',
  console: '8 Performance',
  ops: 'all sections',
  docs: 'all sections',
};
const BY_NAME: Record<string, Section> = {
  'db:backup': '5 Backup',
  'backup-db': '5 Backup',
  'db:restore': '5 Backup',
  'db:drop-old': '5 Backup',
};

export function sectionOf(task: string): Section {
  return BY_NAME[task] ?? BY_WORD[task.split(':')[0] ?? ''] ?? 'this toolkit';
}
