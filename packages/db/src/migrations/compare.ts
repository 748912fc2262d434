import { type Attempt, lastAttempts } from './attempt.ts';
import type { Migration } from './folder.ts';
import type { HistoryRow } from './history.ts';

export interface MigrationState {
  applied: string[];
  pending: string[];
  /** Begun and not ended, or ended with an error. */
  failed: { name: string; logs: string | null }[];
  /** Of what is pending or failed, the last attempt that ended with an error. */
  attempts: Attempt[];
  /** Applied with another content than the folder has now. */
  edited: string[];
  /** Applied, but not in the folder. */
  missing: string[];
}

/** What the folder and the database's history say of each other. */
export function compareHistory(migrations: Migration[], history: HistoryRow[]): MigrationState {
  const current = history.filter(({ rolledBackAt }) => rolledBackAt === null);
  const finished = new Map(current.filter(({ finishedAt }) => finishedAt !== null).map((row) => [row.name, row]));
  const failed = current.filter(({ finishedAt, name }) => finishedAt === null && !finished.has(name));
  const failedNames = new Set(failed.map(({ name }) => name));
  const folder = new Set(migrations.map(({ name }) => name));
  return {
    applied: [...finished.keys()],
    pending: migrations.map(({ name }) => name).filter((name) => !finished.has(name) && !failedNames.has(name)),
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
    missing: [...finished.keys()].filter((name) => !folder.has(name)),
  };
}
