import type { Client } from 'pg';
import { canonical } from './canonical.ts';
import { CODE } from './code.ts';
import { databaseKinds, GIVEN_RIGHTS } from './database.ts';
import { NAMED, relationKinds } from './relations.ts';
import { type Kind, selectOf } from './scope.ts';

/** What is in a database, by kind and name: `column public.Job.title` to its definition. */
export type Inventory = Map<string, Item>;

export interface Item {
  definition: string;
  /** An index that is usable, a constraint that was checked against all rows, a trigger that fires. True for everything else. */
  valid: boolean;
}

const PRIVILEGES = (
  acl: string,
) => `SELECT grantee, string_agg(DISTINCT privilege_type || CASE WHEN is_grantable THEN '*' ELSE '' END, ', '
    ORDER BY privilege_type || CASE WHEN is_grantable THEN '*' ELSE '' END) AS given FROM aclexplode(${acl}) GROUP BY grantee`;

/** Who may what, where that is not what PostgreSQL gives by itself; of columns nobody may anything by itself. */
const rights = (from: string, acl: string, base: string) => `
  SELECT 'right of ' || CASE grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(grantee) END || ' on ' || key, coalesce(g.given, 'none'), true
    FROM ${from} CROSS JOIN LATERAL (
      SELECT grantee, a.given FROM (${PRIVILEGES(acl)}) a FULL JOIN (${PRIVILEGES(base)}) b USING (grantee) WHERE a.given IS DISTINCT FROM b.given) g
   WHERE ${acl} IS NOT NULL`;

const queryOf = (kinds: Kind[]) => kinds.map(selectOf).join('\n UNION ALL ');

function wholeQuery(version: number): string {
  const kinds = [...NAMED, ...relationKinds(version), ...CODE, ...databaseKinds(version)];
  return `
  WITH item AS MATERIALIZED (${queryOf(kinds)}), given AS MATERIALIZED (${GIVEN_RIGHTS})
  SELECT key, definition, valid FROM item WHERE key NOT IN ('the database', 'schema public')
  UNION ALL SELECT 'owner of ' || key, pg_get_userbyid(owner), true FROM item WHERE owner IS NOT NULL AND told
  UNION ALL ${rights('item', 'item.acl', `acldefault(item.letter, coalesce(item.owner, 10))`)}
  UNION ALL ${rights('given', 'given.acl', 'given.base')}`;
}

/** Reads only. */
export async function readInventory(client: Client): Promise<Inventory> {
  return read(client, wholeQuery);
}

/** But what a client names in its queries: tables, views, sequences, columns, values of enums. Much less to read. */
export async function readNamed(client: Client): Promise<Inventory> {
  return read(client, () => `SELECT key, definition, valid FROM (${queryOf(NAMED)}) item`);
}

/** The same of one that was read whole. */
export function namedIn(inventory: Inventory): Inventory {
  return new Map(
    [...inventory].filter(([key]) => /^(table|view|materialized view|sequence|column|enum value) /.test(key)),
  );
}

/** What is set while we look; `own`: the session has set it itself before. */
interface Setting {
  name: string;
  value: string;
  own: boolean;
}

async function read(client: Client, query: (version: number) => string): Promise<Inventory> {
  const session = await client.query<{ version: number; settings: Setting[] }>(
    `SELECT current_setting('server_version_num')::int AS version,
            (SELECT json_agg(json_build_object('name', name, 'value', current_setting(name), 'own', source = 'session')) FROM pg_settings WHERE name IN ('search_path', 'jit')) AS settings`,
  );
  const [{ version = 0, settings = [] } = {}] = session.rows;
  // The same text whatever a session looks through first. Compiled, the query takes several times as long.
  await client.query(`SELECT set_config('search_path', 'pg_catalog', false), set_config('jit', 'off', false)`);
  try {
    const found = await client.query<{ key: string } & Item>(query(version));
    const rows = found.rows.sort((one, other) => (one.key < other.key ? -1 : 1));
    return new Map(rows.map(({ key, definition, valid }) => [key, { definition: canonical(definition ?? ''), valid }]));
  } finally {
    for (const { name, value, own } of settings)
      if (own) await client.query('SELECT set_config($1, $2, false)', [name, value]);
      // As if nobody had set it: who asks what this session has set is not told of us.
      else await client.query(`RESET ${name}`);
  }
}
