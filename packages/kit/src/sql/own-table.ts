import type { Client } from 'pg';
import { OpsError } from '../errors.ts';
import { quoteIdentifier } from '../postgres.ts';

/** The bytes of "OWNT". */
const MAKING = 0x4f574e54;

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
  const schema = rows[0]?.schema === true;
  try {
    // IF NOT EXISTS alone lets one of two that come at once fail: each looks before the other is done. Sent as one, it is one transaction.
    await client.query(
      `SELECT pg_advisory_xact_lock(${MAKING});
       ${schema ? '' : 'CREATE SCHEMA IF NOT EXISTS drydock;'}
       CREATE TABLE IF NOT EXISTS drydock.${quoteIdentifier(name)} (${columns})`,
    );
  } catch (cause) {
    if ((cause as { code?: string }).code !== NO_RIGHT) throw cause;
    const role = client.user ?? '';
    const right = schema ? 'SCHEMA drydock' : `DATABASE ${quoteIdentifier(client.database ?? '')}`;
    throw new OpsError({
      code: 'OWN_TABLE_MISSING',
      message: `The table drydock.${name} is missing, and the role ${role} may not make it.`,
      hint: `GRANT CREATE ON ${right} TO ${quoteIdentifier(role)}; or run it once as the owner.`,
      cause,
    });
  }
}

/** SQLSTATE insufficient_privilege. */
const NO_RIGHT = '42501';
