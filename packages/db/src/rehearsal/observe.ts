import type { Client } from 'pg';
import type { Executor, MigrationSession } from '../migrations/apply.ts';
import type { Migration } from '../migrations/folder.ts';
import type { Note } from '../migrations/note.ts';
import { refuseOtherReading } from '../migrations/reading.ts';
import { findSkipped } from '../migrations/skipped.ts';
import type { Node, Statement } from '../migrations/statements.ts';
import { InnerReader } from '../seen/inner.ts';
import { compareSights, lockDocumented, look, SIGHT_BEFORE, type Sight, sightAfter } from '../seen/sight.ts';
import { type Named, type Table, Watched } from '../seen/tables.ts';
import type { ObservedLock, ObservedMigration, ObservedStatement, Witness } from '../seen/types.ts';
import { howItReaches, serverTouched, touchesServer } from './fence.ts';
import type { Gate } from './gate.ts';

interface Observing {
  lockTimeoutMs: number;
  watched: Watched;
  witnesses: Witness[];
  /** What is found of the file itself is added to these. */
  notes: Note[];
  /** What may not leave the copy. */
  gate: Gate;
}

/**
 * Applies a migration to a copy as a deploy would, statement by statement, and watches what each does to the tables
 * that the target has already: a table that it does not have yet blocks nobody. What was seen before it failed stays
 * in `witnesses`.
 */
export async function observeMigration(
  session: MigrationSession,
  migration: Migration,
  { lockTimeoutMs, watched, witnesses, notes, gate }: Observing,
): Promise<ObservedMigration> {
  const inside = new InnerReader(session.client);
  const held: { lock: ObservedLock; since: number }[] = [];
  let last: Sight | undefined;
  const watch = async (client: Client, statement: Statement, together: boolean) => {
    const { node, line, sql } = statement;
    // To look would be the first query.
    if (statement.modes) return void (await client.query(sql));
    await refuseOtherReading(client, statement, migration.file);
    const inner = await inside.read(statement);
    const reach = howItReaches(statement, inner);
    if (!gate.lets(migration, statement, inner, reach)) return;
    const undone = reach?.kind === 'server' && !together && !statement.alone;
    const altered = node.AlterTableStmt?.relation;
    const fresh = watched.tables.size === 0 || (altered !== undefined && !watched.named(altered));
    notes.push(...(await findSkipped(client, statement, { fresh })));
    if (undone) await client.query('SAVEPOINT drydock');
    const tableOf = frozen(watched, [node, ...inner.nodes]);
    const provenNotNull = await readProven(client, statement, watched);
    const since = performance.now();
    const seen = await observe(client, statement, watched, last);
    last = seen.sight;
    const durationMs = Math.round(seen.durationMs);
    const observed: ObservedStatement = { line, sql, durationMs, ...compareSights(watched, seen.before, seen.sight) };
    if (statement.alone) observed.locks = lockDocumented(node, tableOf);
    for (const lock of observed.locks) {
      lock.heldMs = durationMs;
      if (together) held.push({ lock, since });
    }
    witnesses.push({ observed, statement, together, tableOf, provenNotNull, inner });
    if (node.CreateFunctionStmt) await gate.made(statement);
    if (watched.tables.size > 0 && mayRename(node)) await watched.readNames(client);
    // In pieces each commits by itself: what it would change for all databases was tried, and is taken back.
    if (undone) await client.query('ROLLBACK TO drydock');
    if (!together && !statement.alone && (await touchesServer(client))) throw serverTouched();
  };
  const executor: Executor = {
    async script(client, _, statements) {
      for (const statement of statements) await watch(client, statement, true);
      if (gate.touched(migration.name) || (await touchesServer(client))) throw serverTouched();
    },
    async statement(client, statement) {
      last = undefined;
      if (statement.transaction) await client.query(statement.sql);
      else await watch(client, statement, false);
    },
  };
  const first = witnesses.length;
  try {
    const { durationMs } = await session.apply(migration, {
      lockTimeoutMs,
      executor,
      onNote: (note) => notes.push(note),
    });
    return { name: migration.name, durationMs, statements: witnesses.slice(first).map(({ observed }) => observed) };
  } finally {
    const end = performance.now();
    for (const { lock, since } of held) lock.heldMs = Math.round(end - since);
  }
}

/** The target's tables as they are found on a copy, before anything is applied there. */
export async function watchCopy(client: Client, tables: Table[]): Promise<Watched> {
  const watched = new Watched();
  if (tables.length > 0) await watched.find(client, tables);
  return watched;
}

interface Seen {
  durationMs: number;
  before: Sight | undefined;
  sight: Sight | undefined;
}

/** In one round trip: the statement, and behind it what this session holds and has done by then. */
async function observe(
  client: Client,
  { sql, line, alone }: Statement,
  watched: Watched,
  last: Sight | undefined,
): Promise<Seen> {
  const plain = watched.tables.size === 0 || alone;
  const before = plain ? undefined : (last ?? (await look(client, watched)));
  const prefix = plain ? '' : `${SIGHT_BEFORE};\n`;
  const started = performance.now();
  try {
    if (plain) {
      await client.query(sql);
      return { durationMs: performance.now() - started, before, sight: undefined };
    }
    const results = (await client.query(`${prefix}${sql}\n;${sightAfter(watched)}`)) as unknown as {
      rows: { at?: string; sight?: Sight }[];
    }[];
    const sight = results.at(-1)?.rows[0]?.sight;
    return { durationMs: (sight?.at ?? 0) - Number(results[0]?.rows[0]?.at), before, sight };
  } catch (error) {
    const { position } = error as { position?: string };
    const above = position ? sql.slice(0, Math.max(0, Number(position) - 1 - prefix.length)) : '';
    throw Object.assign(error as Error, { atLine: line + above.split('\n').length - 1 });
  }
}

/** Names as they are now: a later statement may rename. */
function frozen(watched: Watched, nodes: Node[]): Watched['named'] {
  const seen = new Map(nodes.flatMap(rangesOf).map((range) => [JSON.stringify(range), watched.named(range)]));
  return (range) => {
    if (!range) return undefined;
    const key = JSON.stringify({ schemaname: range.schemaname, relname: range.relname });
    return seen.get(key);
  };
}

type Range = Pick<Named, 'schemaname' | 'relname'>;

/** Every relation that a statement names, at any depth, and those that a DROP lists. */
function rangesOf(node: unknown): Range[] {
  const found: Range[] = [];
  const walk = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return;
    const { relname, schemaname } = value as Range;
    if (typeof relname === 'string') found.push({ schemaname, relname });
    for (const part of Object.values(value)) walk(part);
  };
  walk(node);
  for (const { List } of ((node as Node).DropStmt?.objects ?? []) as Node[]) {
    const parts = (List?.items ?? []).map((item: Node) => item.String?.sval);
    found.push({ schemaname: parts.at(-2), relname: parts.at(-1) });
  }
  return found;
}

function mayRename(node: Node): boolean {
  return Boolean(node.RenameStmt || node.AlterObjectSchemaStmt || node.DoStmt || node.DropStmt || node.SelectStmt);
}

async function readProven(client: Client, { node }: Statement, watched: Watched): Promise<ReadonlySet<string>> {
  const sets = ((node.AlterTableStmt?.cmds ?? []) as Node[]).some(
    ({ AlterTableCmd: cmd }) => cmd?.subtype === 'AT_SetNotNull',
  );
  const table = sets ? watched.named(node.AlterTableStmt?.relation) : undefined;
  if (!table) return new Set();
  const { rows } = await client.query<{ column: string }>(
    `SELECT a.attname AS column FROM pg_constraint c JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = ANY(c.conkey)
      WHERE c.conrelid = $1 AND c.contype = 'c' AND c.convalidated
        AND pg_get_expr(c.conbin, c.conrelid) ~ ('(' || regexp_replace(quote_ident(a.attname), '([\\W])', '\\\\\\1', 'g') || ' IS NOT NULL)')`,
    [table.oid],
  );
  return new Set(rows.map(({ column }) => column));
}
