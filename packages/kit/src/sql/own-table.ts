import type { Client } from 'pg';
import { quoteIdentifier } from '../postgres.ts';

/**
 * Makes `drydock.NAME` where it is missing. It looks first: CREATE … IF NOT EXISTS wants the right to create although
 * everything is there, and a narrow role does not have it.
 */
export async function ensureOwnTable(client: Client, name: string, columns: string): Promise<void> {
  const { rows } = await client.query<{ schema: boolean; found: boolean }>(
    `SELECT to_regnamespace('drydock') IS NOT NULL AS schema, to_regclass($1) IS NOT NULL AS found`,
    [`drydock.${quoteIdentifier(name)}`],
  );
  if (rows[0]?.found) return;
  if (!rows[0]?.schema) await client.query('CREATE SCHEMA IF NOT EXISTS drydock');
  await client.query(`CREATE TABLE IF NOT EXISTS drydock.${quoteIdentifier(name)} (${columns})`);
}
