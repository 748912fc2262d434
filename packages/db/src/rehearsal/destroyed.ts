import { command, hint, quoteIdentifier as q, withPostgres } from '@drydock/kit';
import type { Client } from 'pg';
import { about } from '../hazards/types.ts';
import type { Raw } from '../migrations/note.ts';
import { type Destroyed, destroyedBy } from '../seen/destroys.ts';
import type { Moved } from '../seen/moved.ts';
import type { Table, Watched } from '../seen/tables.ts';
import type { Witness } from '../seen/types.ts';
import type { Target } from '../target.ts';
import { type Copy, hasAllRows } from './fill.ts';
import { type At, mayDrop } from './lost.ts';
import type { Stock } from './stock.ts';

export interface Before {
  copy: Copy;
  watched: Watched;
  before: Stock;
  /** Columns whose values an earlier statement has put elsewhere: see `movedBy`. */
  moved: Moved;
}

/**
 * Data of the target that a migration destroys, by looking: what was on the copy before it and is not after, whatever
 * statement did it; what syntax alone tells is added where the copy has no rows. The target is only read.
 */
export async function findDestroyed(target: Target, witnesses: Witness[], now: Stock, was: Before): Promise<At[]> {
  const found = [
    ...gone(witnesses, now, was),
    ...emptied(witnesses, now, was),
    ...besides(witnesses, now, was),
    ...named(witnesses, was.copy),
  ];
  if (found.length === 0) return [];
  return withPostgres(target.url, 'drydock db:dry-run', async (client) => {
    const told = new Map<string, At>();
    for (const { at, raw, what, column } of found)
      if (!told.has(what) && (!column || (await hasValues(client, column))))
        told.set(what, { at, raw: column ? withPlace(raw, was.moved.of(column.label, column.name)) : raw });
    return [...told.values()];
  });
}

/** What was put elsewhere before is not lost: told all the same, for nobody counts whether all of it was. */
function withPlace(raw: Raw, where: string | undefined): Raw {
  if (!where) return raw;
  return { ...raw, level: 'info', message: `${raw.message}; ${where} has put them elsewhere` };
}

interface Loss extends At {
  /** Told once. */
  what: string;
  /** Only if it has values on the target: the label comes quoted from PostgreSQL. */
  column?: { label: string; name: string };
}

function loss(
  at: number,
  what: string,
  message: string,
  more: Pick<Loss, 'column'> = {},
  code: Raw['code'] = 'DESTROYS_ROWS',
): Loss {
  const backup = hint`Back up first (${command('db:backup')}), then accept it: --accept DESTROYS_ROWS`;
  const raw: Raw = { level: 'error', code, message, ...(code === 'DESTROYS_ROWS' ? { hint: backup } : {}) };
  return { at: Math.max(at, 0), raw, what, ...more };
}

const lostTable = (at: number, { label, rows }: Table) =>
  loss(at, label, `destroys ${label}, which has ${about(rows)}`);
const lostColumn = (at: number, { label, rows }: Table, name: string) =>
  loss(at, `${label}.${q(name)}`, `destroys ${label}.${q(name)}, which has values in ${about(rows)}`, {
    column: { label, name },
  });

/** Tables, columns, and fields of composite types that are no more. */
function gone(witnesses: Witness[], now: Stock, { watched, before }: Before): Loss[] {
  return [...before.columns].flatMap(([oid, columns]) => {
    const table = watched.tables.get(oid);
    const left = now.columns.get(oid);
    if (table && !left) {
      if (table.rows === 0) return [];
      const at = witnesses.findIndex(({ observed }) => observed.gone.includes(table.label));
      return [lostTable(at >= 0 ? at : whoNames(witnesses, table.name), table)];
    }
    const lost = [...columns].filter(([number]) => !left?.has(number)).map(([, name]) => name);
    const users = table
      ? lost.map((name) => ({ table, column: name, name }))
      : (before.typed.get(oid) ?? []).flatMap((user) =>
          lost.map((name) => ({ table: watched.tables.get(user.table), column: user.column, name })),
        );
    return users.flatMap((user) =>
      user.table && user.table.rows > 0 && now.columns.has(oidOf(watched, user.table))
        ? [lostColumn(whoNames(witnesses, user.name), user.table, user.column)]
        : [],
    );
  });
}

function oidOf({ tables }: Watched, table: Table): number {
  for (const [oid, { label }] of tables) if (label === table.label) return oid;
  return 0;
}

/** The statement that has the name in it, else the last that runs code of its own. */
function whoNames(witnesses: Witness[], name: string): number {
  const at = witnesses.findIndex(({ statement }) => mayDrop(statement.node, name));
  return at >= 0 ? at : witnesses.findLastIndex(({ inner }) => inner.nodes.length > 0 || inner.opaque);
}

/** Tables that have no row any more, or less than half of what they had. */
function emptied(witnesses: Witness[], now: Stock, { watched, copy, before }: Before): Loss[] {
  if (!hasAllRows(copy) && copy !== 'sample') return [];
  return [...watched.tables].flatMap(([oid, table]) => {
    const { label, rows } = table;
    if (rows === 0 || before.empty.has(oid)) return [];
    const changes = witnesses.flatMap(({ observed }) => observed.deleted.filter(({ relation }) => relation === label));
    const deleted = changes.reduce((sum, change) => sum + change.rows, 0);
    const deletes = witnesses.findIndex(({ observed }) =>
      observed.deleted.some(({ relation, rows: n }) => relation === label && n > 0),
    );
    if (now.empty.has(oid)) {
      const at = witnesses.findLastIndex(({ observed }) => observed.rewritten.includes(label));
      return [lostTable(at >= 0 ? at : deletes, table)];
    }
    if (!hasAllRows(copy) || deleted === 0 || deleted * 2 < rows) return [];
    return [loss(deletes, label, `deletes ${deleted.toLocaleString('en')} of ${about(rows)} of ${label}`)];
  });
}

/** Large objects that are no more; sequences that count from an earlier value while the keys are still there. */
function besides(witnesses: Witness[], now: Stock, { before, copy }: Before): Loss[] {
  if (!hasAllRows(copy)) return [];
  const objects = before.largeObjects - now.largeObjects;
  const last = witnesses.findLastIndex(
    ({ inner, statement }) => inner.nodes.length > 0 || inner.opaque || statement.node.SelectStmt,
  );
  const reset = [...before.sequences].filter(([oid, { last: was, owner }]) => {
    const is = now.sequences.get(oid);
    const alive = owner === null || (now.columns.has(owner) && !now.empty.has(owner));
    return is !== undefined && is.last < was && alive;
  });
  return [
    ...(objects > 0
      ? [loss(last, 'large objects', `destroys ${objects} large ${objects === 1 ? 'object' : 'objects'}`)]
      : []),
    ...reset.map(([oid, { label, last: was }]) =>
      loss(
        whoNames(witnesses, label),
        label,
        `makes ${label} count from ${now.sequences.get(oid)?.last} again, which gave ${was} already: keys come a second time`,
        {},
        'SEQUENCE_RESET',
      ),
    ),
  ];
}

/** What the statements say themselves, and what is in the bodies that they run. */
function named(witnesses: Witness[], copy: Copy): Loss[] {
  return witnesses.flatMap(({ statement: { node }, inner, observed, tableOf }, at) => {
    const of = (destroyed: Destroyed) => tableOf({ schemaname: destroyed.schema, relname: destroyed.table });
    // Where all rows are there, what was deleted is seen.
    const counts = ({ rows }: Destroyed) => rows !== 'some' && (rows !== 'all' || !hasAllRows(copy));
    const own = destroyedBy(node).filter(counts);
    // A branch that was not taken changed no file.
    const within = inner.nodes
      .flatMap(destroyedBy)
      .filter(
        (destroyed) =>
          counts(destroyed) && (destroyed.rows === 'all' || observed.rewritten.includes(of(destroyed)?.label ?? '')),
      );
    const hidden =
      inner.opaque && !hasAllRows(copy) && inner.texts.some((text) => /\btruncate\b/i.test(text))
        ? observed.rewritten
        : [];
    return [
      ...[...own, ...within].flatMap((destroyed) => {
        const table = of(destroyed);
        if (!table || table.rows === 0) return [];
        return [destroyed.column ? lostColumn(at, table, destroyed.column) : lostTable(at, table)];
      }),
      ...hidden.map((label) =>
        loss(at, label, `may empty ${label}: it runs what it puts together, with a TRUNCATE in it`),
      ),
    ];
  });
}

/** A column that a pending migration adds is not there yet. */
async function hasValues(client: Client, { label, name }: { label: string; name: string }): Promise<boolean> {
  const there = await client.query(
    'SELECT 1 FROM pg_attribute WHERE attrelid = to_regclass($1) AND attname = $2 AND NOT attisdropped',
    [label, name],
  );
  if (there.rowCount === 0) return false;
  const { rowCount } = await client.query(`SELECT 1 FROM ${label} WHERE ${q(name)} IS NOT NULL LIMIT 1`);
  return rowCount === 1;
}
