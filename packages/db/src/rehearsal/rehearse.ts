import { connectPostgres, type Finding, toOpsError } from '@drydock/kit';
import { diffToSchema } from '../drift.ts';
import { compareHistory, type MigrationState } from '../migrations/compare.ts';
import { readMigrations } from '../migrations/folder.ts';
import { readHistory } from '../migrations/history.ts';
import type { Target } from '../target.ts';
import { findHazards } from './hazards.ts';
import { type ObservedMigration, observeMigration } from './observe.ts';
import { type Scratch, withScratch } from './scratch.ts';

export interface Rehearsal {
  state: MigrationState;
  /** How the copy was made; undefined when there was nothing to rehearse. */
  copy: Scratch['copy'] | undefined;
  migrations: ObservedMigration[];
  findings: Finding[];
}

export async function readState(target: Target): Promise<MigrationState> {
  const migrations = readMigrations(target.migrationsDir);
  const client = await connectPostgres(target.url, 'drydock db:status');
  try {
    return compareHistory(migrations, await readHistory(client));
  } finally {
    await client.end();
  }
}

/**
 * Applies what is pending to a copy of the target, exactly as a deploy would. The target itself is only read. A
 * failing migration and a schema that is not what it should be afterwards are findings, not exceptions.
 */
export async function rehearse(target: Target, onMigration: (name: string) => void = () => {}): Promise<Rehearsal> {
  const state = await readState(target);
  const unsound = historyFindings(state);
  if (unsound.length > 0 || state.pending.length === 0)
    return { state, copy: undefined, migrations: [], findings: unsound };
  const pending = new Set(state.pending);
  const rowsOf = await readRowCounts(target);
  return withScratch(target.url, async ({ url, copy }) => {
    const migrations: ObservedMigration[] = [];
    for (const migration of readMigrations(target.migrationsDir).filter(({ name }) => pending.has(name))) {
      onMigration(migration.name);
      try {
        migrations.push(await observeMigration(url, migration, target.lockTimeoutMs, new Set(rowsOf.keys())));
      } catch (thrown) {
        const { code, message, hint } = toOpsError(thrown);
        return { state, copy, migrations, findings: [{ level: 'error', code, message, hint }] };
      }
    }
    const drift = await diffToSchema(url, target.schemaFile);
    return {
      state,
      copy,
      migrations,
      findings: [...(drift ? [driftFinding(drift)] : []), ...findHazards(migrations, rowsOf)],
    };
  });
}

/** The target's own tables and how many rows PostgreSQL believes they have; -1 (never analysed) is counted. */
async function readRowCounts(target: Target): Promise<Map<string, number>> {
  const client = await connectPostgres(target.url, 'drydock db:dry-run');
  try {
    const { rows } = await client.query<{ relation: string; rows: number }>(
      `SELECT c.oid::regclass::text AS relation, c.reltuples::float8 AS rows FROM pg_class c
        WHERE c.relkind IN ('r', 'p', 'm') AND c.relnamespace NOT IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)`,
    );
    const counts = new Map(rows.map((row) => [row.relation, row.rows]));
    for (const [relation, estimate] of counts) {
      // regclass::text comes quoted as needed.
      if (estimate < 0)
        counts.set(
          relation,
          Number((await client.query<{ n: string }>(`SELECT count(*) AS n FROM ${relation}`)).rows[0]?.n),
        );
    }
    return counts;
  } finally {
    await client.end();
  }
}

function historyFindings({ failed, edited, missing }: MigrationState): Finding[] {
  return [
    ...failed.map(
      ({ name }): Finding => ({
        level: 'error',
        code: 'MIGRATION_FAILED_BEFORE',
        message: `${name} was begun on the target and did not end.`,
        hint: `npx prisma migrate resolve --rolled-back ${name}`,
      }),
    ),
    ...edited.map(
      (name): Finding => ({
        level: 'error',
        code: 'MIGRATION_EDITED',
        message: `${name} was changed after it was applied.`,
        hint: 'Put the file back, and make the change in a new migration.',
      }),
    ),
    ...missing.map(
      (name): Finding => ({
        level: 'error',
        code: 'MIGRATION_MISSING',
        message: `The target has ${name}, which this checkout has not.`,
        hint: 'Check out the version that has it.',
      }),
    ),
  ];
}

function driftFinding(sql: string): Finding {
  return {
    level: 'error',
    code: 'DRIFT',
    message: 'After all migrations the database would still not be what the Prisma schema says.',
    hint: `It would lack: ${sql
      .split('\n')
      .filter((line) => line && !line.startsWith('--'))
      .slice(0, 5)
      .join(' ')}`,
  };
}
