import { connectPostgres, type Finding, toOpsError } from '@drydock/kit';
import { diffToSchema } from '../drift.ts';
import { type Applied, applyMigration } from '../migrations/apply.ts';
import { compareHistory, type MigrationState } from '../migrations/compare.ts';
import { readMigrations } from '../migrations/folder.ts';
import { readHistory } from '../migrations/history.ts';
import type { Target } from '../target.ts';
import { type Scratch, withScratch } from './scratch.ts';

export interface Rehearsal {
  state: MigrationState;
  /** How the copy was made; undefined when there was nothing to rehearse. */
  copy: Scratch['copy'] | undefined;
  migrations: Applied[];
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
  return withScratch(target.url, async ({ url, copy }) => {
    const migrations: Applied[] = [];
    for (const migration of readMigrations(target.migrationsDir).filter(({ name }) => pending.has(name))) {
      onMigration(migration.name);
      try {
        migrations.push(await applyMigration(url, migration, { lockTimeoutMs: target.lockTimeoutMs }));
      } catch (thrown) {
        const { code, message, hint } = toOpsError(thrown);
        return { state, copy, migrations, findings: [{ level: 'error', code, message, hint }] };
      }
    }
    const drift = await diffToSchema(url, target.schemaFile);
    return { state, copy, migrations, findings: drift ? [driftFinding(drift)] : [] };
  });
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
