import { type Attempt, lastAttempts } from './attempt.ts';
import type { Migration } from './folder.ts';
import type { HistoryRow } from './history.ts';
import { allOf, type Squash, squashedByHand, standing } from './squashes.ts';

export interface MigrationState {
  /** Those of the folder, and what is missing there. */
  applied: string[];
  pending: string[];
  /** Begun and not ended, or ended with an error. */
  failed: { name: string; logs: string | null }[];
  /** Of what is pending or failed, the last attempt that ended with an error. */
  attempts: Attempt[];
  /** Applied with another content than the folder has now. */
  edited: string[];
  /** Applied, but not in the folder, and no squash stands for them. */
  missing: string[];
  /** Squashes of what is applied, every one of it: a deploy records them, and runs nothing. */
  squashed: string[];
  /** Squashes of which the database has a part alone, or another version. */
  partly: Squash[];
  /** What each squash that is applied, or would be recorded, stands for. */
  squashes: { name: string; standsFor: string[] }[];
  /** Squashes beside what they stand for: db:squash did not end. */
  doubled: string[];
  /** Applied, not in the folder, and taken for squashed by hand: see `squashedByHand`. */
  byHand: string[];
}

/** What the folder and the database's history say of each other. */
export function compareHistory(migrations: Migration[], history: HistoryRow[]): MigrationState {
  const current = history.filter(({ rolledBackAt }) => rolledBackAt === null);
  const finished = new Map(current.filter(({ finishedAt }) => finishedAt !== null).map((row) => [row.name, row]));
  const failed = current.filter(({ finishedAt, name }) => finishedAt === null && !finished.has(name));
  const failedNames = new Set(failed.map(({ name }) => name));
  const folder = new Set(migrations.map(({ name }) => name));
  const squashes = migrations.flatMap(({ name, standsFor }) => (standsFor ? [{ name, standsFor }] : []));
  const open = squashes
    .filter(({ name }) => !finished.has(name) && !failedNames.has(name))
    .map(({ name, standsFor }) => standing(name, standsFor, finished))
    .filter(({ has }) => has.length > 0);
  const replaced = new Set(squashes.flatMap(({ standsFor }) => allOf(standsFor)).map(({ name }) => name));
  const unknown = [...finished.keys()].filter((name) => !folder.has(name) && !replaced.has(name));
  const byHand = squashedByHand(unknown, finished, migrations[0]?.name);
  const notRun = new Set(open.map(({ name }) => name));
  return {
    applied: [...finished.keys()].filter((name) => folder.has(name) || (!replaced.has(name) && !byHand.includes(name))),
    pending: migrations
      .map(({ name }) => name)
      .filter((name) => !finished.has(name) && !failedNames.has(name) && !notRun.has(name)),
    attempts: lastAttempts(
      history,
      migrations.filter(({ name }) => !finished.has(name)),
    ),
    failed: failed.map(({ name, logs }) => ({ name, logs })),
    edited: migrations
      .filter(
        ({ name, checksum, alike }) => finished.has(name) && ![checksum, alike].includes(finished.get(name)?.checksum),
      )
      .map(({ name }) => name),
    missing: unknown.filter((name) => !byHand.includes(name)),
    squashed: open.filter(({ lacks }) => lacks.length === 0).map(({ name }) => name),
    partly: open.filter(({ lacks }) => lacks.length > 0),
    squashes: squashes
      .filter(({ name }) => finished.has(name) || open.some((one) => one.name === name && one.lacks.length === 0))
      .map(({ name, standsFor }) => ({ name, standsFor: allOf(standsFor).map((one) => one.name) })),
    doubled: squashes.filter(({ standsFor }) => standsFor.some(({ name }) => folder.has(name))).map(({ name }) => name),
    byHand,
  };
}
