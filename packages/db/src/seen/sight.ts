import type { Client } from 'pg';
import type { Node } from '../migrations/statements.ts';
import type { Table, Watched } from './tables.ts';
import type { ObservedLock, ObservedStatement } from './types.ts';

/** What a session holds and has done at a moment, of the watched relations. Server time in ms; pairs begin with an OID. */
export interface Sight {
  at: number;
  locks: [number, string][] | null;
  files: [number, number][] | null;
  touched: [number, number][] | null;
  /** How often all of it was read from the beginning, and how many rows that were. */
  read: [number, number, number][] | null;
  /** How often each of their indexes was looked into. */
  searched: [number, number][] | null;
  /** Deleted less inserted. */
  deleted: [number, number][] | null;
}

const NOW = 'extract(epoch FROM clock_timestamp()) * 1000';
export const SIGHT_BEFORE = `SELECT ${NOW} AS at`;

/** Goes behind a statement in the same round trip, where parameters are not to be had: OIDs are numbers. */
export function sightAfter({ tables, indexes }: Watched): string {
  const list = (oids: Iterable<number>) => `'{${[...oids].join(',')}}'::oid[]`;
  const touched = (['inserted', 'updated', 'deleted'] as const)
    .map((what) => `pg_stat_get_xact_tuples_${what}(t.oid)`)
    .join(' + ');
  const deleted = 'pg_stat_get_xact_tuples_deleted(t.oid) - pg_stat_get_xact_tuples_inserted(t.oid)';
  return `SELECT json_build_object('at', ${NOW},
    'locks', (SELECT json_agg(json_build_array(relation::int8, mode)) FROM pg_locks
               WHERE pid = pg_backend_pid() AND locktype = 'relation' AND relation = ANY(${list(tables.keys())})),
    'files', (SELECT json_agg(json_build_array(oid::int8, relfilenode::int8)) FROM pg_class
               WHERE oid = ANY(${list([...tables.keys(), ...indexes.keys()])})),
    'touched', (SELECT json_agg(json_build_array(t.oid::int8, ${touched})) FROM unnest(${list(tables.keys())}) AS t(oid)
                 WHERE ${touched} > 0),
    'read', (SELECT json_agg(json_build_array(t.oid::int8, pg_stat_get_xact_numscans(t.oid), pg_stat_get_xact_tuples_returned(t.oid)))
               FROM unnest(${list(tables.keys())}) AS t(oid) WHERE pg_stat_get_xact_numscans(t.oid) > 0),
    'searched', (SELECT json_agg(json_build_array(t.oid::int8, pg_stat_get_xact_numscans(t.oid)))
                   FROM unnest(${list(indexes.keys())}) AS t(oid) WHERE pg_stat_get_xact_numscans(t.oid) > 0),
    'deleted', (SELECT json_agg(json_build_array(t.oid::int8, ${deleted})) FROM unnest(${list(tables.keys())}) AS t(oid)
                 WHERE ${deleted} <> 0)) AS sight`;
}

export async function look(client: Client, watched: Watched): Promise<Sight | undefined> {
  const { rows } = await client.query<{ sight: Sight }>(sightAfter(watched));
  return rows[0]?.sight;
}

/** What happened between two moments. */
export function compareSights(
  { tables, indexes }: Watched,
  before: Sight | undefined,
  after: Sight | undefined,
): Pick<ObservedStatement, 'locks' | 'rewritten' | 'reindexed' | 'touched' | 'read' | 'searched' | 'deleted' | 'gone'> {
  const held = strongest(before);
  const locks = [...strongest(after)]
    .filter(([oid, mode]) => held.get(oid) !== mode)
    .map(([oid, mode]): ObservedLock => ({ relation: tables.get(oid)?.label ?? '', mode, heldMs: 0 }));
  const files = new Map(before?.files);
  const changed = (after?.files ?? []).filter(([oid, file]) => files.has(oid) && files.get(oid) !== file);
  const labels = (of: Map<number, Table>, pairs: [number, number][]) =>
    [...new Set(pairs.map(([oid]) => of.get(oid)?.label))].filter((label) => label !== undefined);
  const rewritten = labels(tables, changed);
  const rows = (was: Sight['touched'] | undefined, is: Sight['touched'] | undefined) => {
    const done = new Map(was);
    return (is ?? [])
      .map(([oid, count]) => ({ relation: tables.get(oid)?.label ?? '', rows: count - (done.get(oid) ?? 0) }))
      .filter((change) => change.rows !== 0);
  };
  const scans = new Map((before?.read ?? []).map(([oid, ...counts]) => [oid, counts]));
  const left = new Set(after?.files?.map(([oid]) => oid));
  return {
    locks,
    rewritten,
    reindexed: labels(indexes, changed).filter((label) => !rewritten.includes(label)),
    touched: rows(before?.touched, after?.touched).filter((change) => change.rows > 0),
    read: (after?.read ?? [])
      .map(([oid, times, count]) => {
        const [was = 0, counted = 0] = scans.get(oid) ?? [];
        return { relation: tables.get(oid)?.label ?? '', scans: times - was, rows: count - counted };
      })
      .filter((reading) => reading.scans > 0),
    searched: labels(
      indexes,
      (after?.searched ?? []).filter(
        ([oid, times]) => times > (before?.searched?.find(([one]) => one === oid)?.[1] ?? 0),
      ),
    ),
    deleted: rows(before?.deleted, after?.deleted),
    gone: after
      ? labels(
          tables,
          (before?.files ?? []).filter(([oid]) => !left.has(oid)),
        )
      : [],
  };
}

/** Weakest to strongest: PostgreSQL manual, 13.3.1. */
export const STRENGTH = [
  'AccessShareLock',
  'RowShareLock',
  'RowExclusiveLock',
  'ShareUpdateExclusiveLock',
  'ShareLock',
  'ShareRowExclusiveLock',
  'ExclusiveLock',
  'AccessExclusiveLock',
];

function strongest(sight: Sight | undefined): Map<number, string> {
  const modes = new Map<number, string>();
  for (const [oid, mode] of sight?.locks ?? [])
    if (STRENGTH.indexOf(mode) > STRENGTH.indexOf(modes.get(oid) ?? '')) modes.set(oid, mode);
  return modes;
}

/**
 * A statement outside a transaction has given its locks back before anybody could look. CONCURRENTLY and VACUUM take
 * SHARE UPDATE EXCLUSIVE, VACUUM FULL takes ACCESS EXCLUSIVE: PostgreSQL manual, 13.3.1.
 */
export function lockDocumented(node: Node, tableOf: Watched['named']): ObservedLock[] {
  const full = node.VacuumStmt?.options?.some((option: Node) => option.DefElem?.defname === 'full');
  const named = [
    node.IndexStmt?.relation,
    node.ReindexStmt?.relation,
    ...((node.VacuumStmt?.rels ?? []) as Node[]).map(({ VacuumRelation }) => VacuumRelation?.relation),
  ];
  return named
    .map((range) => tableOf(range))
    .filter((table) => table !== undefined)
    .map(({ label }) => ({
      relation: label,
      mode: full ? 'AccessExclusiveLock' : 'ShareUpdateExclusiveLock',
      heldMs: 0,
    }));
}

/** What a lock keeps others from: PostgreSQL manual, table 13.2. Weaker locks block no ordinary query. */
export function blockedBy(mode: string): string | undefined {
  if (mode === 'AccessExclusiveLock') return 'reads and writes';
  if (['ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock'].includes(mode)) return 'writes';
  return undefined;
}
