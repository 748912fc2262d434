import { type Kind, NOT_BUILT_IN, notOfExtension, OURS } from './scope.ts';

const sorted = (array: string) => `(SELECT string_agg(o, ', ' ORDER BY o) FROM unnest(${array}) o)`;
const HERE = '(SELECT oid FROM pg_database WHERE datname = current_database())';
const firing = (column: string) => `CASE ${column} WHEN 'R' THEN 'REPLICA' WHEN 'A' THEN 'ALWAYS' END`;

/** What belongs to the database as a whole, and mostly comes from whoever runs the server. */
export function databaseKinds(version: number): Kind[] {
  const filters = version >= 150000;
  return [
    {
      key: `'extension ' || e.extname`,
      definition: `(SELECT n.nspname FROM pg_namespace n WHERE n.oid = e.extnamespace)`,
      owner: 'e.extowner',
      from: `pg_extension e WHERE e.extname <> 'plpgsql'`,
    },
    {
      key: `'version of extension ' || e.extname`,
      definition: 'e.extversion',
      from: `pg_extension e WHERE e.extname <> 'plpgsql'`,
    },
    {
      key: `'publication ' || p.pubname`,
      definition: `concat_ws(' ', CASE WHEN p.puballtables THEN 'ALL TABLES' END, CASE WHEN p.pubinsert THEN 'insert' END, CASE WHEN p.pubupdate THEN 'update' END,
          CASE WHEN p.pubdelete THEN 'delete' END, CASE WHEN p.pubtruncate THEN 'truncate' END, CASE WHEN p.pubviaroot THEN 'via root' END,
          (SELECT string_agg(r.prrelid::regclass::text ${filters ? `|| coalesce(' (' || r.prattrs::text || ')', '') || coalesce(' WHERE ' || pg_get_expr(r.prqual, r.prrelid), '')` : ''}, ', ' ORDER BY r.prrelid::regclass::text)
             FROM pg_publication_rel r WHERE r.prpubid = p.oid)${
               filters
                 ? `, (SELECT 'IN SCHEMA ' || string_agg(n.nspname, ', ' ORDER BY n.nspname) FROM pg_publication_namespace s JOIN pg_namespace n ON n.oid = s.pnnspid WHERE s.pnpubid = p.oid)`
                 : ''
             })`,
      owner: 'p.pubowner',
      from: 'pg_publication p',
    },
    {
      key: `'subscription ' || s.subname`,
      definition: `concat_ws(' ', s.subslotname, s.subsynccommit, ${sorted('s.subpublications')})`,
      valid: 's.subenabled',
      owner: 's.subowner',
      from: `pg_subscription s WHERE s.subdbid = ${HERE}`,
    },
    {
      key: `'event trigger ' || t.evtname`,
      definition: `concat_ws(' ', t.evtevent, ${sorted('t.evttags')}, t.evtfoid::regprocedure, ${firing('t.evtenabled')})`,
      valid: `t.evtenabled <> 'D'`,
      owner: 't.evtowner',
      from: `pg_event_trigger t WHERE ${notOfExtension('pg_event_trigger', 't')}`,
    },
    {
      key: `'foreign data wrapper ' || w.fdwname`,
      definition: `concat_ws(' ', nullif(w.fdwhandler, 0)::regprocedure, nullif(w.fdwvalidator, 0)::regprocedure, md5(${sorted('w.fdwoptions')}))`,
      owner: 'w.fdwowner',
      acl: 'w.fdwacl',
      letter: `'F'::"char"`,
      from: `pg_foreign_data_wrapper w WHERE ${notOfExtension('pg_foreign_data_wrapper', 'w')}`,
    },
    {
      key: `'server ' || s.srvname`,
      definition: `concat_ws(' ', (SELECT w.fdwname FROM pg_foreign_data_wrapper w WHERE w.oid = s.srvfdw), s.srvtype, s.srvversion, md5(${sorted('s.srvoptions')}))`,
      owner: 's.srvowner',
      acl: 's.srvacl',
      letter: `'S'::"char"`,
      from: `pg_foreign_server s WHERE ${notOfExtension('pg_foreign_server', 's')}`,
    },
    {
      key: `'user mapping of ' || m.usename || ' on ' || m.srvname`,
      definition: `''`,
      from: 'pg_user_mappings m',
    },
    {
      key: `'language ' || l.lanname`,
      definition: `concat_ws(' ', l.lanpltrusted, nullif(l.lanplcallfoid, 0)::regprocedure)`,
      owner: 'l.lanowner',
      acl: 'l.lanacl',
      letter: `'l'::"char"`,
      from: `pg_language l WHERE ${NOT_BUILT_IN('l')} AND ${notOfExtension('pg_language', 'l')}`,
    },
    {
      key: `'default rights of ' || pg_get_userbyid(a.defaclrole) || coalesce(' in ' || n.nspname, '') || ' on ' ||
            CASE a.defaclobjtype WHEN 'r' THEN 'tables' WHEN 'S' THEN 'sequences' WHEN 'f' THEN 'functions' WHEN 'T' THEN 'types' WHEN 'n' THEN 'schemas' ELSE 'large objects' END`,
      definition: `(SELECT string_agg(r, '; ' ORDER BY r) FROM (
          SELECT CASE x.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(x.grantee) END || ': ' || string_agg(x.privilege_type || CASE WHEN x.is_grantable THEN '*' ELSE '' END, ', ' ORDER BY x.privilege_type) AS r
            FROM aclexplode(a.defaclacl) x GROUP BY x.grantee) g)`,
      from: `pg_default_acl a LEFT JOIN pg_namespace n ON n.oid = a.defaclnamespace WHERE n.oid IS NULL OR ${OURS}`,
    },
    {
      key: `'setting of the database ' || split_part(o, '=', 1) || coalesce(' for ' || r.rolname, '')`,
      definition: `substr(o, strpos(o, '=') + 1)`,
      from: `pg_db_role_setting s LEFT JOIN pg_roles r ON r.oid = s.setrole CROSS JOIN LATERAL unnest(s.setconfig) o WHERE s.setdatabase = ${HERE}`,
    },
    {
      key: `'the database'`,
      definition: `''`,
      owner: 'd.datdba',
      acl: 'd.datacl',
      letter: `'d'::"char"`,
      from: 'pg_database d WHERE d.datname = current_database()',
    },
    {
      key: `'schema public'`,
      definition: `''`,
      owner: 'n.nspowner',
      acl: 'n.nspacl',
      letter: `'n'::"char"`,
      from: `pg_namespace n WHERE n.nspname = 'public'`,
    },
  ];
}

/** Rights on what PostgreSQL and its extensions made, where they are not what those gave. */
export const GIVEN_RIGHTS = `
  SELECT 'table ' || c.oid::regclass AS key, c.relowner AS owner, c.relacl AS acl,
         coalesce(i.initprivs, acldefault(CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", c.relowner)) AS base
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace LEFT JOIN pg_init_privs i ON i.classoid = 'pg_class'::regclass AND i.objoid = c.oid AND i.objsubid = 0
   WHERE c.relacl IS NOT NULL AND n.nspname NOT IN ('drydock', 'pg_toast', 'information_schema') AND n.nspname !~ '^pg_(temp|toast_temp)' AND c.relacl IS DISTINCT FROM i.initprivs
     AND (n.nspname = 'pg_catalog' OR NOT ${notOfExtension('pg_class', 'c')})
  UNION ALL
  SELECT 'function ' || p.oid::regprocedure, p.proowner, p.proacl, coalesce(i.initprivs, acldefault('f', p.proowner))
    FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace LEFT JOIN pg_init_privs i ON i.classoid = 'pg_proc'::regclass AND i.objoid = p.oid
   WHERE p.proacl IS NOT NULL AND n.nspname NOT IN ('drydock', 'information_schema') AND p.proacl IS DISTINCT FROM i.initprivs
     AND (n.nspname = 'pg_catalog' OR NOT ${notOfExtension('pg_proc', 'p')})`;
