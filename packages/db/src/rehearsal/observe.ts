import type { Client } from 'pg';
import type { Executor, MigrationSession } from '../migrations/apply.ts';
import type { Migration } from '../migrations/folder.ts';
import type { Note } from '../migrations/note.ts';
import { refuseOtherReading } from '../migrations/reading.ts';
import { findSkipped, findSkippedInside } from '../migrations/skipped.ts';
import type { Node, Statement } from '../migrations/statements.ts';
import { partitionOf, readBound, readFacts } from '../seen/facts.ts';
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
  /** Whether the copy has the rows of the target. */
  allRows: boolean;
}

/**
 * Applies a migration to a copy as a deploy would, statement by statement, and watches what each does to the tables
 * that the target has already: a table that it does not have yet blocks nobody. What was seen before it failed stays
 * in `witnesses`.
 */
export async function observeMigration(
  session: MigrationSession,
  migration: Migration,
  { lockTimeoutMs, watched, witnesses, notes, gate, allRows }: Observing,
): Promise<ObservedMigration> {
  const inside = InnerReader.of(session.client);
  const notices = new Notices(session.client);
  const held: { lock: ObservedLock; since: number; transaction: number }[] = [];
  let [transaction, open] = [0, false];
  let last: Sight | undefined;
  const watch = async (client: Client, statement: Statement, together: boolean) => {
    const { node, line, sql, alone } = statement;
    // To look would be the first query.
    if (statement.modes) return void (await client.query(sql));
    await refuseOtherReading(client, statement, migration.file);
    const inner = await inside.read(statement);
    const reach = howItReaches(statement, inner);
    if (!gate.lets(migration, statement, inner, reach)) return;
    const undone = reach?.kind === 'server' && !together && !alone;
    const fresh = watched.tables.size === 0;
    const altered = node.AlterTableStmt?.relation;
    const made = fresh || (altered !== undefined && !watched.named(altered));
    notes.push(...(await findSkipped(client, statement, { fresh: made })));
    const skippable = await findSkippedInside(client, statement, { fresh, nodes: inner.nodes });
    if (undone) await client.query('SAVEPOINT drydock');
    const nodes = [node, ...inner.nodes];
    const tableOf = frozen(watched, nodes);
    const facts = fresh ? new Map() : await readFacts(client, nodes, watched);
    if (!together && !open) transaction++;
    const since = performance.now();
    notices.clear();
    const seen = await observe(client, statement, watched, last);
    last = seen.sight;
    const durationMs = Math.round(seen.durationMs);
    const observed: ObservedStatement = { line, sql, durationMs, ...compareSights(watched, seen.before, seen.sight) };
    // Counts of other transactions are in it.
    if (alone)
      Object.assign(observed, {
        locks: lockDocumented(node, tableOf),
        touched: [],
        deleted: [],
        read: [],
        searched: [],
      });
    for (const lock of observed.locks) {
      lock.heldMs = durationMs;
      if (together || open) held.push({ lock, since, transaction });
    }
    if (notices.skipped) notes.push(...skippable);
    const bound = observed.read.length > 0 ? await readBound(client, nodes) : undefined;
    const { version } = watched;
    const where = { transaction, together, allRows };
    witnesses.push({ observed, statement, ...where, cut: notices.cut, tableOf, facts, bound, version, inner });
    if (node.CreateFunctionStmt) await gate.made(statement);
    if (!fresh && mayRename(node)) await watched.readNames(client);
    // In pieces each commits by itself: what it would change for all databases was tried, and is taken back.
    if (undone) await client.query('ROLLBACK TO drydock');
    if (!together && !alone && (await touchesServer(client))) throw serverTouched();
  };
  const givenBack = (which = transaction) => {
    for (const { lock, since, transaction: in_ } of held)
      if (in_ === which) lock.heldMs = Math.round(performance.now() - since);
  };
  const first = witnesses.length;
  const executor: Executor = {
    async script(client, _, statements) {
      for (const statement of statements) await watch(client, statement, true);
      if (gate.touched(migration.name) || (await touchesServer(client))) throw serverTouched();
    },
    async statement(client, statement) {
      last = undefined;
      if (!statement.transaction) return watch(client, statement, false);
      await client.query(statement.sql);
      // BEGIN, and the end of one that AND CHAIN follows, begin a transaction.
      const begins = statement.transaction === 'begin';
      if (!begins) givenBack();
      if (!begins || !open) transaction++;
      open = begins || statement.chain;
    },
    // It is run again from the beginning, in pieces.
    again() {
      witnesses.length = first;
    },
  };
  try {
    const { durationMs } = await session.apply(migration, {
      lockTimeoutMs,
      executor,
      onNote: (note) => notes.push(note),
    });
    return { name: migration.name, durationMs, statements: witnesses.slice(first).map(({ observed }) => observed) };
  } finally {
    notices.close();
    if (transaction === 0) givenBack();
  }
}

/** SQLSTATE name_too_long; duplicate_table, duplicate_object, duplicate_column, duplicate_schema: "already exists, skipping". */
const CUT = '42622';
const SKIPPED = new Set(['42P07', '42710', '42701', '42P06']);

/** What PostgreSQL says without failing. */
class Notices {
  readonly #client: Client;
  cut: string[] = [];
  skipped = false;

  constructor(client: Client) {
    this.#client = client;
    client.on('notice', this.#hear);
  }

  clear(): void {
    this.cut = [];
    this.skipped = false;
  }

  close(): void {
    this.#client.off('notice', this.#hear);
  }

  #hear = ({ code = '', message = '' }: { code?: string | undefined; message?: string | undefined }) => {
    if (code === CUT && !this.cut.includes(message)) this.cut.push(message);
    this.skipped ||= SKIPPED.has(code);
  };
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

/** In one round trip: the statement, and around it what this session holds and has done. */
async function observe(
  client: Client,
  { sql, line, alone }: Statement,
  watched: Watched,
  last: Sight | undefined,
): Promise<Seen> {
  const fresh = watched.tables.size === 0;
  const plain = fresh || alone;
  // In the same transaction, or counts of another one would be in it.
  const prefix = plain ? '' : `${last ? SIGHT_BEFORE : sightAfter(watched)};\n`;
  try {
    if (plain) {
      const before = fresh ? undefined : await look(client, watched);
      const begun = performance.now();
      await client.query(sql);
      const durationMs = performance.now() - begun;
      return { durationMs, before, sight: fresh ? undefined : await look(client, watched) };
    }
    const results = (await client.query(`${prefix}${sql}\n;${sightAfter(watched)}`)) as unknown as {
      rows: { at?: string; sight?: Sight }[];
    }[];
    const [first] = results[0]?.rows ?? [];
    const sight = results.at(-1)?.rows[0]?.sight;
    const durationMs = (sight?.at ?? 0) - Number(first?.sight?.at ?? first?.at);
    return { durationMs, before: last ?? first?.sight, sight };
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
  return Boolean(
    partitionOf(node) ||
      node.RenameStmt ||
      node.AlterObjectSchemaStmt ||
      node.DoStmt ||
      node.DropStmt ||
      node.SelectStmt,
  );
}
