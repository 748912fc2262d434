import type { Client } from 'pg';
import type { Fingerprints } from '../values.ts';
import { hasTables, WRITTEN_TABLE } from './tables.ts';
import type { Generation, Rotation, Written } from './types.ts';

type Dates<T, K extends keyof T> = Omit<T, K> & { [D in K]: Date | null };
type RotationDates = 'startedAt' | 'promotedAt' | 'settlesAt' | 'retiredAt' | 'endedAt';
type GenerationDates = 'madeAt' | 'currentAt' | 'endedAt';

const iso = (at: Date | null) => at?.toISOString() ?? null;

/** Newest first. */
export async function readRotations(client: Client, env: string, name?: string): Promise<Rotation[]> {
  if (!(await hasTables(client))) return [];
  const { rows } = await client.query<Dates<Rotation, RotationDates>>(
    `SELECT id, env, name, kind, generation, phase, outcome, emergency, reverting, actor, host, reason, "startedAt", "promotedAt", "settlesAt", "retiredAt", "endedAt", proof
       FROM drydock.secret_rotation WHERE env = $1 AND ($2::text IS NULL OR name = $2) ORDER BY seq DESC`,
    [env, name ?? null],
  );
  return rows.map(({ startedAt, promotedAt, settlesAt, retiredAt, endedAt, ...row }) => ({
    ...row,
    startedAt: iso(startedAt) ?? '',
    promotedAt: iso(promotedAt),
    settlesAt: iso(settlesAt),
    retiredAt: iso(retiredAt),
    endedAt: iso(endedAt),
  }));
}

/** Oldest first. */
export async function readGenerations(client: Client, env: string, name?: string): Promise<Generation[]> {
  if (!(await hasTables(client))) return [];
  const { rows } = await client.query<Dates<Generation, GenerationDates>>(
    `SELECT env, name, generation, state, fingerprints, sealed, "madeAt", "currentAt", "endedAt"
       FROM drydock.secret_generation WHERE env = $1 AND ($2::text IS NULL OR name = $2) ORDER BY name, generation`,
    [env, name ?? null],
  );
  return rows.map(({ madeAt, currentAt, endedAt, ...row }) => ({
    ...row,
    madeAt: iso(madeAt),
    currentAt: iso(currentAt),
    endedAt: iso(endedAt),
  }));
}

export async function readWritten(client: Client, env: string, name?: string): Promise<Written[]> {
  const { rows: found } = await client.query<{ there: boolean }>('SELECT to_regclass($1) IS NOT NULL AS there', [
    `drydock.${WRITTEN_TABLE}`,
  ]);
  if (!found[0]?.there) return [];
  const { rows } = await client.query<Omit<Written, 'fingerprints'> & { fingerprints: string }>(
    `SELECT name, generation, fingerprints FROM drydock.secret_written WHERE env = $1 AND ($2::text IS NULL OR name = $2) ORDER BY name, generation`,
    [env, name ?? null],
  );
  return rows.map((row) => ({ ...row, fingerprints: JSON.parse(row.fingerprints) as Fingerprints }));
}
