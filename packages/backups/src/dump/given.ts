import type { Client } from 'pg';
import { z } from 'zod';

/** Of what a database itself was given, that which not every role may give again. Names alone: a value may be a secret. */
export const givenSchema = z.object({
  owner: z.string(),
  /** Of the database: `work_mem`. */
  settings: z.array(z.string()),
  /** Of a role in it, null for all roles. */
  roleSettings: z.array(z.object({ role: z.string().nullable(), setting: z.string() })),
  /** What a superuser made: `EVENT TRIGGER watches`. */
  superusers: z.array(z.string()),
});
export type Given = z.infer<typeof givenSchema>;

/** Of the database of the session. */
export async function readGiven(client: Client): Promise<Given> {
  const { rows } = await client.query<Given>(GIVEN);
  const [given] = rows;
  if (!given) throw new Error('a row of what is given');
  return given;
}

/** Publications by schema came with PostgreSQL 15; before it the catalogue's name is that of no relation. */
const GIVEN = `
  WITH d AS (SELECT oid, datdba FROM pg_database WHERE datname = current_database()),
       s AS (SELECT setrole, split_part(c, '=', 1) AS setting FROM pg_db_role_setting r JOIN d ON r.setdatabase = d.oid, unnest(setconfig) c)
  SELECT (SELECT pg_get_userbyid(datdba)::text FROM d) AS owner,
         (SELECT coalesce(json_agg(setting ORDER BY setting), '[]') FROM s WHERE setrole = 0) AS settings,
         (SELECT coalesce(json_agg(json_build_object('role', pg_get_userbyid(setrole), 'setting', setting) ORDER BY setrole::regrole::text, setting), '[]')
            FROM s WHERE setrole <> 0) AS "roleSettings",
         (SELECT coalesce(json_agg(what ORDER BY rank, what), '[]') FROM (
            SELECT 1 AS rank, 'PUBLICATION ' || pubname AS what FROM pg_publication p
             WHERE puballtables OR EXISTS (SELECT 1 FROM pg_depend x WHERE x.classid = to_regclass('pg_catalog.pg_publication_namespace') AND x.refclassid = 'pg_publication'::regclass AND x.refobjid = p.oid)
             UNION ALL SELECT 2, 'EVENT TRIGGER ' || evtname FROM pg_event_trigger t
              WHERE NOT EXISTS (SELECT 1 FROM pg_depend x WHERE x.classid = 'pg_event_trigger'::regclass AND x.objid = t.oid AND x.deptype = 'e')
             UNION ALL SELECT 3, 'FOREIGN DATA WRAPPER ' || fdwname FROM pg_foreign_data_wrapper w
              WHERE NOT EXISTS (SELECT 1 FROM pg_depend x WHERE x.classid = 'pg_foreign_data_wrapper'::regclass AND x.objid = w.oid AND x.deptype = 'e')) b) AS superusers`;
