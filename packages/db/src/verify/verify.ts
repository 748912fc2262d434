import { command, type Finding, hint, OpsError } from '@drydock/kit';
import { diffToSchema } from '../drift.ts';
import { type Change, compareStatements, readSnapshot, readStatements } from '../load/statements.ts';
import { looking } from '../looking.ts';
import { readMigrations } from '../migrations/folder.ts';
import { historyFindings, whatTheyMake } from '../rehearsal/findings.ts';
import { readState } from '../rehearsal/rehearse.ts';
import { inventoryOf, type Promised } from '../schema/inventory.ts';
import type { Target } from '../target.ts';
import { checkPlans, type PlanCheck } from './plans.ts';
import { checkPromised } from './promised.ts';

export interface Verification {
  findings: Finding[];
  objects: number;
  plans: PlanCheck[];
  /** Undefined where nothing can be compared, and why in `findings`. */
  statements: Change[] | undefined;
}

/**
 * Everything that the applied migrations make, on an empty database beside the target. A history that needs rows that are
 * not in it cannot be made anew: that is a finding, and nothing is promised.
 */
export async function promisedByApplied(target: Target): Promise<{ promised: Promised; findings: Finding[] }> {
  const { applied } = await readState(target);
  const migrations = readMigrations(target.migrationsDir).filter(({ name }) => applied.includes(name));
  try {
    const made = await whatTheyMake(target, migrations);
    return { promised: [...made].map(([key, { definition, valid }]) => [key, definition, valid]), findings: [] };
  } catch (thrown) {
    if (!(thrown instanceof OpsError)) throw thrown;
    const message = `What the migrations make could not be told, so only drift, plans and statements are checked: ${thrown.message}`;
    return { promised: [], findings: [{ level: 'warn', code: 'PROMISE_UNKNOWN', message, hint: thrown.hint }] };
  }
}

/** Whether the target has what was promised, valid and used, and is what the Prisma schema says. Reads only. */
export async function verify(target: Target, promised: Promised): Promise<Verification> {
  const state = await readState(target);
  const history = historyFindings(state);
  const pending: Finding[] = state.pending.map((name) => ({
    level: 'error',
    code: 'STILL_PENDING',
    message: `${name} is not applied.`,
    hint: command('db:deploy'),
  }));
  const [actual, drift] = [await inventoryOf(target.url), await diffToSchema(target.url, target.schemaFile)];
  const indexes = promised.filter(([key]) => key.startsWith('index ')).map(([key]) => key.slice('index '.length));
  const plans = await checkPlans(target.readUrl, await onlyPlain(target, indexes), target.plansDir);
  const load = await checkStatements(target);
  return {
    findings: [
      ...history,
      ...pending,
      ...checkPromised(promised, actual),
      ...(drift ? [driftFinding(drift)] : []),
      ...plans.findings,
      ...load.findings,
    ],
    objects: promised.length,
    plans: plans.checks,
    statements: load.changes,
  };
}

/** The index of a primary key or a unique constraint is there for the constraint's sake: nobody asks whether it is used. */
async function onlyPlain(target: Target, indexes: string[]): Promise<string[]> {
  return looking(target.url, 'drydock db:verify', async (client) => {
    const { rows } = await client.query<{ key: string }>(
      `SELECT n.nspname || '.' || c.relname AS key FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname || '.' || c.relname = ANY($1) AND NOT i.indisunique AND i.indisvalid`,
      [indexes],
    );
    const plain = new Set(rows.map(({ key }) => key));
    return indexes.filter((key) => plain.has(key));
  });
}

async function checkStatements(target: Target): Promise<{ findings: Finding[]; changes: Change[] | undefined }> {
  const [before, now] = [await readSnapshot(target.url), await readStatements(target.url)];
  if (!now)
    return {
      findings: [
        {
          level: 'info',
          code: 'STATEMENTS_UNKNOWN',
          message: 'Statements cannot be compared: pg_stat_statements is not installed in this database.',
          hint: "shared_preload_libraries = 'pg_stat_statements', then CREATE EXTENSION pg_stat_statements",
        },
      ],
      changes: undefined,
    };
  const changes = before ? compareStatements(before.statements, now) : [];
  return {
    changes,
    findings: changes
      .filter(({ kind }) => kind === 'slower')
      .slice(0, 5)
      .map(({ query, meanMs, beforeMs, calls }) => ({
        level: 'warn',
        code: 'STATEMENT_SLOWER',
        message: `A statement takes ${meanMs.toFixed(1)} ms where it took ${beforeMs?.toFixed(1)} ms before the last deploy (${calls} calls): ${query.slice(0, 120).replaceAll(/\s+/g, ' ')}`,
        hint: command('db:slow'),
      })),
  };
}

function driftFinding(sql: string): Finding {
  return {
    level: 'error',
    code: 'DRIFT',
    message: `The database is not what the Prisma schema says; it would need: ${sql.slice(0, 300)}`,
    hint: hint`Find out who changed it by hand: ${command('ops:log')}. The whole difference: ${command('db:drift')}`,
  };
}
