import { inTransaction } from '@drydock/kit';
import type { Client } from 'pg';
import { ensureTable, hasTable } from './tables.ts';
import type { NewRelease, Release } from './types.ts';

type Row = Omit<Release, 'liveSince' | 'liveUntil' | 'bakeUntil'> & {
  liveSince: Date;
  liveUntil: Date | null;
  bakeUntil: Date | null;
};

const COLUMNS = `seq::text AS id, run, env, kind, version, digest, commit, subject, tag, actor, host, "liveSince", "liveUntil", outcome,
  migrations, backup, "bakeUntil", reason`;

/** Newest first. */
export async function readReleases(client: Client, env: string, limit?: number): Promise<Release[]> {
  if (!(await hasTable(client, 'release'))) return [];
  const { rows } = await client.query<Row>(
    `SELECT ${COLUMNS} FROM drydock.release WHERE env = $1 ORDER BY seq DESC LIMIT $2`,
    [env, limit ?? null],
  );
  return rows.map((row) => ({
    ...row,
    liveSince: row.liveSince.toISOString(),
    liveUntil: row.liveUntil?.toISOString() ?? null,
    bakeUntil: row.bakeUntil?.toISOString() ?? null,
  }));
}

/** Returns its number, also where it stood there already. */
export async function insertRelease(client: Client, env: string, release: NewRelease): Promise<string> {
  await ensureTable(client, 'release');
  return alone(client, async () => {
    const known = await standsAs(client, env, release.run);
    if (known) return known;
    await client.query(
      `UPDATE drydock.release SET outcome = 'replaced', "liveUntil" = clock_timestamp() WHERE env = $1 AND outcome = 'live'`,
      [env],
    );
    const { run, kind, version, digest, commit, subject, tag, actor, host, backup, bakeUntil, reason } = release;
    const { rows } = await client.query<{ id: string }>(
      `INSERT INTO drydock.release (env, run, kind, version, digest, commit, subject, tag, actor, host, backup, "bakeUntil", reason, migrations)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) RETURNING seq::text AS id`,
      [env, run, kind, version, digest, commit, subject, tag, actor, host, backup, bakeUntil, reason].concat(
        JSON.stringify(release.migrations),
      ),
    );
    return rows[0]?.id ?? '';
  });
}

/** Returns the number of the one that was undone, now or before; undefined where the run has none. */
export async function undoRelease(client: Client, env: string, run: string): Promise<string | undefined> {
  if (!(await hasTable(client, 'release'))) return undefined;
  return alone(client, async () => {
    const id = await standsAs(client, env, run);
    if (!id) {
      const { rows } = await client.query<{ id: string }>(
        'SELECT seq::text AS id FROM drydock.release WHERE env = $1 AND run = $2 ORDER BY seq DESC LIMIT 1',
        [env, run],
      );
      return rows[0]?.id;
    }
    await client.query(
      `UPDATE drydock.release SET outcome = 'went back', "liveUntil" = coalesce("liveUntil", clock_timestamp()) WHERE seq = $1`,
      [id],
    );
    // What it had ended, unless another has gone live since.
    await client.query(
      `UPDATE drydock.release SET outcome = 'live', "liveUntil" = NULL
        WHERE seq = (SELECT seq FROM drydock.release WHERE env = $1 AND outcome = 'replaced' ORDER BY seq DESC LIMIT 1)
          AND NOT EXISTS (SELECT FROM drydock.release WHERE env = $1 AND outcome = 'live')`,
      [env],
    );
    return id;
  });
}

export async function bakeRelease(client: Client, env: string, run: string, seconds: number): Promise<void> {
  await client.query(
    `UPDATE drydock.release SET "bakeUntil" = clock_timestamp() + make_interval(secs => $3) WHERE env = $1 AND run = $2 AND outcome = 'live'`,
    [env, run, seconds],
  );
}

async function standsAs(client: Client, env: string, run: string): Promise<string | undefined> {
  const { rows } = await client.query<{ id: string }>(
    `SELECT seq::text AS id FROM drydock.release WHERE env = $1 AND run = $2 AND outcome <> 'went back'`,
    [env, run],
  );
  return rows[0]?.id;
}

function alone<T>(client: Client, work: () => Promise<T>): Promise<T> {
  return inTransaction(client, async () => {
    await client.query('LOCK TABLE drydock.release IN SHARE ROW EXCLUSIVE MODE');
    return work();
  });
}
