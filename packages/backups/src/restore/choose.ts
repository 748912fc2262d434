import { partOf } from '../archive/parts.ts';
import type { TocObject } from '../archive/toc.ts';
import { type Accepted, acceptFor, asSkipped, callOf, isAccepted, readAccepted } from './accept.ts';
import type { Known, Skipped } from './holes.ts';
import type { TableName } from './pg-restore.ts';
import type { RestorePlan } from './plan.ts';
import { chooseTable, readingsOf } from './tables.ts';

/** What of an archive is restored. */
export interface Chosen {
  /** Its entries, in the order of the archive; undefined for all of them. */
  only: number[] | undefined;
  /** The same as objects; none where the archive's table of contents is not understood. */
  objects: TocObject[];
  /** The tables with their rows, where it is not all of them. */
  tables: TableName[] | undefined;
  known: Known;
  /** What is left out for a reason of whoever restores. */
  left: Skipped[];
  /** Those by --accept. */
  accepted: TocObject[];
}

/** `--table` and `--accept`, held against what the archive has. */
export function choose(
  { table, keys = false, accept = [] }: Pick<RestorePlan, 'table' | 'keys' | 'accept'>,
  archive: TocObject[] | undefined,
): Chosen {
  const objects = archive ?? [];
  const accepted: Accepted = archive
    ? readAccepted(accept, objects)
    : { objects: [], statements: accept.map((text) => text.trim()) };
  const known: Known = {
    isAccepted: (what) => isAccepted(what, accepted),
    acceptFor: (error) => acceptFor(error, objects),
  };
  const out = new Set(accepted.objects.map(({ dumpId }) => dumpId));
  const part = archive && table !== null ? partOf(chooseTable(table, objects), objects, { keys }) : undefined;
  const isChosen = ({ dumpId }: TocObject) => !out.has(dumpId) && (!part || part.ids.has(dumpId));
  const chosen = objects.filter(isChosen);
  const keysLeft = part?.left.map(({ object, why }) => ({ what: callOf(object), why, hole: false })) ?? [];
  return {
    only: part || out.size > 0 ? chosen.map(({ dumpId }) => dumpId) : undefined,
    objects: chosen,
    tables: part ? part.tables : table === null ? undefined : readingsOf(table).slice(0, 1),
    known,
    left: [...asSkipped(accepted), ...keysLeft],
    accepted: accepted.objects,
  };
}
