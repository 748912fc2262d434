import { madeByItself, OURS } from '@drydock/kit/inventory';

/** What rights are given on: its key in the inventory, its name in a GRANT, and whose it is (`letter` as `acldefault` takes it). */
interface Holder {
  key: string;
  /** As SQL, of a text: `FUNCTION public.f(integer)`. */
  on: string;
  /** Behind each privilege: the column that it is for. */
  part?: string;
  owner: string;
  acl: string;
  letter: string;
  from: string;
}

const RELATION_KIND = `CASE c.relkind WHEN 'v' THEN 'view ' WHEN 'm' THEN 'materialized view ' WHEN 'S' THEN 'sequence ' ELSE 'table ' END`;
const RELATION = 'pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace';

const HOLDERS: Holder[] = [
  {
    key: `${RELATION_KIND} || n.nspname || '.' || c.relname`,
    on: `format('%s %I.%I', CASE c.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, n.nspname, c.relname)`,
    owner: 'c.relowner',
    acl: 'c.relacl',
    letter: `CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END`,
    from: `${RELATION} WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f') AND ${OURS} AND ${madeByItself('pg_class', 'c')}`,
  },
  {
    key: `'column ' || n.nspname || '.' || c.relname || '.' || a.attname`,
    on: `format('TABLE %I.%I', n.nspname, c.relname)`,
    part: `format(' (%I)', a.attname)`,
    owner: 'c.relowner',
    acl: 'a.attacl',
    letter: `'c'`,
    from: `pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE a.attacl IS NOT NULL AND NOT a.attisdropped AND ${OURS} AND ${madeByItself('pg_class', 'c')}`,
  },
  {
    key: `'function ' || n.nspname || '.' || p.proname || '(' || pg_get_function_identity_arguments(p.oid) || ')'`,
    on: `format('ROUTINE %I.%I(%s)', n.nspname, p.proname, pg_get_function_identity_arguments(p.oid))`,
    owner: 'p.proowner',
    acl: 'p.proacl',
    letter: `'f'`,
    from: `pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE ${OURS} AND ${madeByItself('pg_proc', 'p')}`,
  },
  {
    key: `'type ' || n.nspname || '.' || t.typname`,
    on: `format('TYPE %I.%I', n.nspname, t.typname)`,
    owner: 't.typowner',
    acl: 't.typacl',
    letter: `'T'`,
    from: `pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace LEFT JOIN pg_class c ON c.oid = t.typrelid
     WHERE (t.typtype IN ('d', 'e', 'r') OR c.relkind = 'c') AND ${OURS} AND ${madeByItself('pg_type', 't')}`,
  },
  {
    key: `'schema ' || n.nspname`,
    on: `format('SCHEMA %I', n.nspname)`,
    owner: 'n.nspowner',
    acl: 'n.nspacl',
    letter: `'n'`,
    from: `pg_namespace n WHERE ${OURS}`,
  },
];

const holderOf = ({ key, on, part, owner, acl, letter, from }: Holder) =>
  `SELECT ${key} AS key, ${on} AS what, ${part ?? `''`} AS part, ${acl} AS acl, acldefault(${letter}::"char", ${owner}) AS base FROM ${from}`;

const given = (acl: string) =>
  `SELECT grantee, string_agg(format('GRANT %s ON %s TO %s%s;', privileges, what, who, CASE WHEN is_grantable THEN ' WITH GRANT OPTION' ELSE '' END), ' ' ORDER BY is_grantable) AS sql
     FROM (SELECT grantee, is_grantable, CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END AS who,
                  string_agg(privilege_type || part, ', ' ORDER BY privilege_type) AS privileges FROM aclexplode(${acl}) GROUP BY grantee, is_grantable) AS one GROUP BY grantee`;

/**
 * Who may what, where that is not what PostgreSQL gives by itself; what it gives comes back where a right goes. PUBLIC may run a new function and
 * use a new type: one whose right was taken has a key as well, and no GRANT.
 */
export const RIGHTS = `
  SELECT 'right of ' || CASE grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(grantee) END || ' on ' || key, concat_ws(' ', revoked, has),
         concat_ws(' ', revoked, by_itself), concat_ws(' ', revoked, has)
    FROM (${HOLDERS.map(holderOf).join('\n      UNION ALL ')}) AS holder CROSS JOIN LATERAL (
      SELECT grantee, now.sql AS has, base.sql AS by_itself, format('REVOKE ALL%s ON %s FROM %s;', part, what, CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END) AS revoked
        FROM (${given('acl')}) AS now FULL JOIN (${given('base')}) AS base USING (grantee)) AS held
   WHERE acl IS NOT NULL`;
