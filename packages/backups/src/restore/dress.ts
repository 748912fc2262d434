import { OpsError, quoteIdentifier as q } from '@drydock/kit';
import type { Client } from 'pg';
import type { Statement } from './properties.ts';

/** A property of the database that this role, or this server, does not let us put on. No value in it. */
export type Refused = { what: string; why: string };

/** What matters to rows: a setting may say how a value is read, or what a function of the database needs. */
export async function putOnSettings(client: Client, database: string, statements: Statement[]): Promise<void> {
  const settings = statements.filter(({ kind }) => kind === 'setting');
  await inTransaction(client, 'COMMIT', () => putOn(client, database, settings));
}

/** Before the hours of restoring: all of it, and back. */
export async function tryOn(client: Client, database: string, statements: Statement[]): Promise<Refused[]> {
  return inTransaction(client, 'ROLLBACK', () => putOn(client, database, statements));
}

/** Within the caller's transaction, over whatever settings the database has: each statement alone, so that all refusals are told at once. */
export async function putOn(client: Client, database: string, statements: Statement[]): Promise<Refused[]> {
  const refused: Refused[] = [];
  await client.query(`ALTER DATABASE ${q(database)} RESET ALL`);
  for (const { sql, what } of statements) {
    await client.query('SAVEPOINT property');
    try {
      await client.query(sql(q(database)));
      await client.query('RELEASE property');
    } catch (error) {
      const { code, message } = error as Error & { code?: string };
      if (!code) throw error;
      await client.query('ROLLBACK TO property');
      refused.push({ what, why: message });
    }
  }
  return refused;
}

export async function inTransaction<T>(client: Client, end: 'COMMIT' | 'ROLLBACK', work: () => Promise<T>): Promise<T> {
  await client.query('BEGIN');
  try {
    const result = await work();
    await client.query(end);
    return result;
  } catch (error) {
    await client.query('ROLLBACK');
    throw error;
  }
}

/** Without owners and rights, what else a role of another server was given is nothing to stop for. */
export function mayLeaveOut({ skipRefused, noOwner }: { skipRefused: boolean; noOwner: boolean }): boolean {
  return skipRefused || noOwner;
}

export function refuseRefused(refused: Refused[]): void {
  const [first] = refused;
  if (!first) return;
  const all = refused.map(({ what, why }) => `${what} (${why})`).join('; ');
  throw new OpsError({
    code: 'PROPERTY_REFUSED',
    message: `This role cannot put on what the database was given: ${all}.`,
    hint: 'Nothing was put in the place of anything. Let a role restore that may, or go on without and have it put on afterwards: --skip-refused, or --accept for each',
    findings: refused.map(({ what, why }) => ({
      level: 'error',
      code: 'PROPERTY_REFUSED',
      message: `${what}: ${why}.`,
    })),
  });
}
