import { command, type Finding, OpsError } from '@drydock/kit';
import { type Inventory, isAbout } from '@drydock/kit/inventory';
import { levelled } from '../codes.ts';
import { byHandFinding, sinceDeploy, sinceMigrations } from '../drift/by-hand.ts';
import { findDrift } from '../drift/look.ts';
import { driftNow } from '../drift/now.ts';
import { driftFinding, driftKey } from '../drift/words.ts';
import {
  type Change,
  compareStatements,
  hiddenFindings,
  readSeen,
  readSnapshot,
  readStatements,
} from '../load/statements.ts';
import { readMigrations } from '../migrations/folder.ts';
import { historyFindings } from '../migrations/refuse.ts';
import { readState } from '../migrations/state.ts';
import { whatTheyMake } from '../rehearsal/findings.ts';
import { inventoryOf } from '../schema/inventory.ts';
import { asMade, type Promised, unlikePromised } from '../schema/promised.ts';
import { looking } from '../sessions/looking.ts';
import type { Target } from '../target.ts';
import { checkPlans, type PlanCheck } from './plans.ts';
import { checkPromised } from './promised.ts';

export interface Verification {
  findings: Finding[];
  objects: number;
  plans: PlanCheck[];
  /** What the target is not of the Prisma schema: see `driftKey`; undefined where it could not be compared. */
  drift: string[] | undefined;
  /** Everything that is in the target. */
  actual: Inventory;
  /** What its history has as applied. */
  applied: string[];
  /** Undefined where nothing can be compared, and why in `findings`. */
  statements: Change[] | undefined;
}

/**
 * Everything that the applied migrations make, on an empty database beside the target. A history that needs rows that are
 * not in it cannot be made anew: that is a finding, and nothing is promised.
 */
export async function promisedByApplied(
  target: Target,
): Promise<{ promised: Promised; made?: Inventory; findings: Finding[] }> {
  const { applied, squashed } = await readState(target);
  const there = new Set([...applied, ...squashed]);
  const migrations = readMigrations(target.migrationsDir).filter(({ name }) => there.has(name));
  try {
    const made = await whatTheyMake(target, migrations);
    const promised = [...asMade(made)].map(([key, { definition, valid }]): Promised[number] => [
      key,
      definition,
      valid,
    ]);
    return { promised, made, findings: [] };
  } catch (thrown) {
    if (!(thrown instanceof OpsError)) throw thrown;
    const message = `What the migrations make could not be told, so only drift, plans and statements are checked: ${thrown.message}`;
    return { promised: [], findings: [{ level: 'warn', code: 'PROMISE_UNKNOWN', message, hint: thrown.hint }] };
  }
}

/**
 * Whether the target has what was promised, valid and used. That it is not what the Prisma schema says is told beside that: it may be what its
 * migrations make for all that. Who is `deploying` takes it as it is. Reads only.
 */
export async function verify(
  target: Target,
  promised: Promised,
  { deploying = false, made }: { deploying?: boolean; made?: Inventory | undefined } = {},
): Promise<Verification> {
  const state = await readState(target);
  const history = historyFindings(state);
  const pending: Finding[] = state.pending.map((name) => ({
    level: 'error',
    code: 'STILL_PENDING',
    message: `${name} is not applied.`,
    hint: command('db:deploy'),
  }));
  const actual = await inventoryOf(target.url);
  const { drift, failed } = await findDrift(target);
  // Before everything is applied, the schema is ahead of the database by right.
  const items = state.pending.length > 0 ? [] : drift.items;
  const asItIs = items.length > 0 ? [driftFinding(items, 'warn', target)] : [];
  const drifted = deploying ? asItIs : await driftNow(target, items, state.applied);
  const kept = checkPromised(promised, actual);
  const byHand = deploying ? [] : await findByHand(target, state.applied, actual, { made, promised });
  const indexes = promised.filter(([key]) => key.startsWith('index ')).map(([key]) => key.slice('index '.length));
  const plans = await checkPlans(target.readUrl, await onlyPlain(target, indexes), target.plansDir);
  const load = await checkStatements(target);
  const findings = [
    ...history,
    ...pending,
    ...kept,
    ...byHand,
    ...drifted,
    ...failed,
    ...plans.findings,
    ...load.findings,
  ];
  return {
    findings: levelled(findings, target.hazards),
    drift: failed.length > 0 ? undefined : drift.items.map(driftKey),
    actual,
    applied: state.applied,
    objects: promised.filter(([key]) => !isAbout(key)).length,
    plans: plans.checks,
    statements: load.changes,
  };
}

/** What is there besides, or otherwise, and was promised by nobody: somebody made it by hand. */
async function findByHand(
  target: Target,
  applied: string[],
  actual: Inventory,
  { made, promised }: { made: Inventory | undefined; promised: Promised },
): Promise<Finding[]> {
  const known = await sinceDeploy(target, applied.toSorted().at(-1) ?? null, actual);
  const found = known ?? (made && sinceMigrations(target, made, actual));
  if (!found) return [];
  const errors = unlikePromised(promised, actual);
  const told = new Set([...errors.lost, ...errors.changed]);
  const rest = (keys: string[]) => keys.filter((key) => !told.has(key));
  return byHandFinding({ ...found, added: rest(found.added), lost: rest(found.lost), changed: rest(found.changed) });
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
  const seen = await readSeen(target.url);
  const reset = before !== undefined && seen.resetAt !== null && seen.resetAt > before.at;
  const changes = before ? compareStatements(before.statements, now, reset) : [];
  return {
    changes,
    findings: [
      ...hiddenFindings(seen),
      ...changes
        .filter(({ kind }) => kind === 'slower')
        .slice(0, 5)
        .map(
          ({ query, meanMs, beforeMs, calls }): Finding => ({
            level: 'warn',
            code: 'STATEMENT_SLOWER',
            message: `A statement takes ${meanMs.toFixed(1)} ms where it took ${beforeMs?.toFixed(1)} ms before the last deploy (${calls} calls): ${query.slice(0, 120).replaceAll(/\s+/g, ' ')}`,
            hint: command('db:slow'),
          }),
        ),
    ],
  };
}
