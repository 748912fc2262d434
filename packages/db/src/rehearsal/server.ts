import { databaseOf, type Finding } from '@drydock/kit';
import type { Migration } from '../migrations/folder.ts';
import { looking } from '../sessions/looking.ts';
import type { Target } from '../target.ts';

/** What the databases of a server share, by kind and name: `role app` to its attributes. */
export type Server = Map<string, string>;

/** What rehearsals of ours make for themselves is no part of it. */
const OURS = `'drydock\\_scratch\\_%'`;

const QUERY = `
  SELECT 'role ' || rolname AS key, (to_jsonb(r) - 'rolpassword' - 'rolconfig')::text AS value FROM pg_roles r WHERE rolname NOT LIKE ${OURS}
  UNION ALL SELECT 'membership of ' || m.rolname || ' in ' || g.rolname, a.admin_option::text
    FROM pg_auth_members a JOIN pg_roles m ON m.oid = a.member JOIN pg_roles g ON g.oid = a.roleid
   WHERE m.rolname NOT LIKE ${OURS} AND g.rolname NOT LIKE ${OURS}
  UNION ALL SELECT 'settings of ' || concat_ws(' in ', coalesce(r.rolname, 'all roles'), d.datname), array_to_string(s.setconfig, ', ')
    FROM pg_db_role_setting s LEFT JOIN pg_roles r ON r.oid = s.setrole LEFT JOIN pg_database d ON d.oid = s.setdatabase
   WHERE coalesce(d.datname, '') NOT LIKE ${OURS} AND coalesce(r.rolname, '') NOT LIKE ${OURS}
  UNION ALL SELECT 'database ' || datname, concat_ws(' ', pg_get_userbyid(datdba), datconnlimit, datallowconn, datistemplate, datacl)
    FROM pg_database WHERE datname NOT LIKE ${OURS}
  UNION ALL SELECT 'tablespace ' || spcname, concat_ws(' ', pg_get_userbyid(spcowner), spcacl, spcoptions) FROM pg_tablespace
  UNION ALL SELECT 'subscription ' || subname, concat_ws(' ', subdbid, subenabled, subslotname) FROM pg_subscription`;

export async function readServer(target: Target): Promise<Server> {
  return looking(target.url, 'drydock db:dry-run', async (client) => {
    const { rows } = await client.query<{ key: string; value: string | null }>(QUERY);
    return new Map(rows.map(({ key, value }) => [key, value ?? '']));
  });
}

/**
 * The last proof that a rehearsal changed nothing outside of its copy. What is named in the migrations, or is the target
 * itself, is laid to it; anything else is somebody's who was at work meanwhile.
 */
export async function compareServer(target: Target, before: Server, migrations: Migration[]): Promise<Finding[]> {
  const after = await readServer(target);
  const changed = [
    ...[...after].filter(([key, value]) => before.get(key) !== value).map(([key]) => key),
    ...[...before.keys()].filter((key) => !after.has(key)),
  ];
  const words = new Set([databaseOf(target.url), ...migrations.flatMap(({ sql }) => sql.split(/[^\w$]+/))]);
  return changed.map((key) => {
    const named = key
      .split(' ')
      .slice(1)
      .some((word) => !['of', 'in', 'all', 'roles'].includes(word) && words.has(word));
    return {
      level: named ? 'error' : 'warn',
      code: 'SERVER_CHANGED',
      message: `While the rehearsal ran, ${key} of the server changed${named ? ', which the migrations name' : '; if nobody did that, the rehearsal did'}.`,
      hint: 'Look at it, and put it back if nobody wanted it: what a rehearsal does must stay in its copy.',
    };
  });
}
