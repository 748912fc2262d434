import { closeSync, constants, existsSync, openSync } from 'node:fs';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { type EnvName, type LoadedConfig, makeConfiguredFolder, OpsError, ownName, ownsPlain } from '@drydock/kit';
import { healthSection } from '../config/health.ts';
import { addWindows, type Window } from '../metrics/window.ts';
import { decode, encode } from './encode.ts';

export const MINUTE_MS = 60_000;
/** Clocks differ by this much; what is dated later was written when one of them was wrong. */
const SLACK_MS = 5 * MINUTE_MS;

/** A minute of an environment, and the version that ran in it. */
export interface Minute {
  /** Its beginning, milliseconds since 1970. */
  at: number;
  version: string | undefined;
  window: Window;
}

const TABLE = (name: string) =>
  `${name} (slot INTEGER PRIMARY KEY, at INTEGER NOT NULL, seconds REAL NOT NULL, version TEXT, body TEXT NOT NULL)`;

/** Another number of days is another place for every minute; where two come to the same, the newer stays. Free pages are used again. */
function resize(db: DatabaseSync, rows: number): void {
  const before = (db.prepare('PRAGMA user_version').get() as { user_version: number }).user_version;
  if (before === rows) return;
  db.exec(`
    BEGIN IMMEDIATE;
    CREATE TABLE ${TABLE('resized')};
    INSERT OR REPLACE INTO resized SELECT at / ${MINUTE_MS} % ${rows}, at, seconds, version, body FROM minutes ORDER BY at, seconds;
    DROP TABLE minutes;
    ALTER TABLE resized RENAME TO minutes;
    PRAGMA user_version = ${rows};
    COMMIT`);
}

/** Samples of before lie under the environment's name alone. */
function fileOf(config: LoadedConfig, folder: string, env: EnvName): string {
  const [own, before] = [ownName(config, env), env].map((name) => join(folder, `${name}.sqlite`)) as [string, string];
  return !existsSync(own) && existsSync(before) && ownsPlain(config) ? before : own;
}

/**
 * A ring of minutes in SQLite: a minute's row is found by `minute mod rows`, so that the newest takes the place of the oldest, and the file
 * stays as large as that many rows are. Several tasks may write at once.
 */
export class SeriesStore {
  readonly #db: DatabaseSync;
  readonly #rows: number;
  readonly #now: () => number;

  private constructor(db: DatabaseSync, rows: number, now: () => number) {
    this.#db = db;
    this.#rows = rows;
    this.#now = now;
  }

  /** `now`: milliseconds since 1970. */
  static async open(config: LoadedConfig, env: EnvName, now: () => number = Date.now): Promise<SeriesStore> {
    const { folder, days } = healthSection.of(config).series;
    const file = fileOf(config, config.path(folder), env);
    try {
      const { DatabaseSync } = await import('node:sqlite');
      makeConfiguredFolder(config.root, config.path(folder));
      // SQLite would follow a link, and make the file as the umask says.
      closeSync(openSync(file, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o600));
      const db = new DatabaseSync(file, { timeout: 2_000 });
      // What a crash may cost is the last minute of a measurement: not worth a flush each time.
      db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA journal_size_limit = 1048576');
      db.exec(`CREATE TABLE IF NOT EXISTS ${TABLE('minutes')}`);
      resize(db, days * 1_440);
      return new SeriesStore(db, days * 1_440, now);
    } catch (cause) {
      throw new OpsError({
        code: 'SERIES_UNREADABLE',
        message: `The samples in ${file} cannot be opened (${(cause as Error).message}).`,
        hint: 'Move the file away; a new one is begun. It holds nothing but samples.',
        cause,
      });
    }
  }

  /** A minute that another task has seen more of stays; one that is dated later than now makes room. */
  put({ at, version, window }: Minute): void {
    this.#db
      .prepare(
        `INSERT INTO minutes (slot, at, seconds, version, body) VALUES (?, ?, ?, ?, ?)
         ON CONFLICT (slot) DO UPDATE SET at = excluded.at, seconds = excluded.seconds, version = excluded.version, body = excluded.body
         WHERE excluded.at > minutes.at OR (excluded.at = minutes.at AND excluded.seconds >= minutes.seconds)
            OR minutes.at > ?`,
      )
      .run((at / MINUTE_MS) % this.#rows, at, window.instanceSeconds, version ?? null, encode(window), this.#latest());
  }

  /** What is dated later than now: how many minutes, and until when. Nothing is read of them. */
  ahead(): { minutes: number; until: number } | undefined {
    const { minutes, until } = this.#db
      .prepare('SELECT count(*) AS minutes, max(at) AS until FROM minutes WHERE at > ?')
      .get(this.#latest()) as { minutes: number; until: number | null };
    return until === null ? undefined : { minutes, until };
  }

  /** Takes out what is dated later than now, lest it be believed when that time comes. If it is most of all, it is the clock of now that is wrong. */
  dropAhead(): void {
    this.#db
      .prepare(
        'DELETE FROM minutes WHERE at > ?1 AND (SELECT count(*) FROM minutes WHERE at > ?1) * 2 < (SELECT count(*) FROM minutes)',
      )
      .run(this.#latest());
  }

  #latest(): number {
    return this.#now() + SLACK_MS;
  }

  /** Oldest first. */
  read(from: number, until = Number.MAX_SAFE_INTEGER): Minute[] {
    const to = Math.min(until, this.#latest());
    const rows = this.#db
      .prepare('SELECT at, version, body FROM minutes WHERE at >= ? AND at < ? ORDER BY at')
      .all(from, to) as { at: number; version: string | null; body: string }[];
    return rows.map(({ at, version, body }) => ({ at, version: version ?? undefined, window: decode(body) }));
  }

  /** Samples of the newest version that is not this one, as far as they lie within so many minutes of its end. */
  before(version: string | undefined, minutes: number): { version: string; window: Window } | undefined {
    const last = this.#db
      .prepare(
        'SELECT version, at FROM minutes WHERE version IS NOT NULL AND version <> ? AND at <= ? ORDER BY at DESC LIMIT 1',
      )
      .get(version ?? '', this.#latest()) as { version: string; at: number } | undefined;
    if (!last) return undefined;
    const windows = this.read(last.at - minutes * MINUTE_MS, last.at + 1).filter((one) => one.version === last.version);
    const [first, ...rest] = windows.map(({ window }) => window);
    return first && { version: last.version, window: rest.reduce(addWindows, first) };
  }

  close(): void {
    this.#db.close();
  }
}
