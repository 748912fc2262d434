import { counted, type Finding, quoteIdentifier as q, type Secret, withPostgres } from '@drydock/kit';
import type { Client } from 'pg';
import type { Counted } from '../archive/reader.ts';
import type { Comparison } from './compare.ts';

/**
 * Whether as many rows are there as the archive has, table by table: what is left where there are no checksums. What an
 * extension puts into a table of its own comes on top.
 */
export async function compareCounted(url: Secret, counted: Counted[]): Promise<Comparison> {
  return withPostgres(url, 'drydock compare', async (client) => {
    await client.query('SET statement_timeout = 0; SET row_security = off');
    const findings: Finding[] = [];
    let rows = 0;
    for (const table of counted) {
      const found = await countOf(client, table);
      rows += found?.rows ?? 0;
      const finding = judge(table, found);
      if (finding) findings.push(finding);
    }
    return { tables: counted.length, rows, findings };
  });
}

type Found = { rows: number; ofExtension: boolean };

async function countOf(client: Client, { schema, name }: Counted): Promise<Found | undefined> {
  const table = `${q(schema)}.${q(name)}`;
  const { rows: there } = await client.query<{ ofExtension: boolean }>(
    `SELECT EXISTS (SELECT 1 FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e') AS "ofExtension"
       FROM pg_class c WHERE c.oid = to_regclass($1)`,
    [table],
  );
  if (!there[0]) return undefined;
  const { rows } = await client.query<{ rows: string }>(`SELECT count(*) AS rows FROM ONLY ${table}`);
  return { rows: Number(rows[0]?.rows), ofExtension: there[0].ofExtension };
}

function judge({ schema, name, rows }: Counted, found: Found | undefined): Finding | undefined {
  const table = `${schema}.${name}`;
  if (!found) return { level: 'error', code: 'TABLE_MISSING', message: `The table ${table} is not there.` };
  if (found.ofExtension ? found.rows >= rows : found.rows === rows) return undefined;
  return {
    level: 'error',
    code: 'ROWS_DIFFER',
    message: `${table} has ${counted(found.rows, 'row')}, the backup has ${rows}.`,
  };
}
