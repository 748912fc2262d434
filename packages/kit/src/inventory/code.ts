import { type Kind, madeByItself, NOT_BUILT_IN, notOfExtension, OURS } from './scope.ts';

const sorted = (array: string) => `(SELECT string_agg(o, ', ' ORDER BY o) FROM unnest(${array}) o)`;
const typesOf = (oids: string) =>
  `(SELECT string_agg(format_type(t, NULL), ', ' ORDER BY at) FROM unnest(${oids}) WITH ORDINALITY u (t, at))`;
const own = (catalog: string, alias: string, namespace: string) =>
  `JOIN pg_namespace n ON n.oid = ${alias}.${namespace} WHERE ${OURS} AND ${madeByItself(catalog, alias)}`;

/** Functions, types, operators and what searches texts; schemas. */
export const CODE: Kind[] = [
  {
    key: `'schema ' || n.nspname`,
    definition: `''`,
    owner: 'n.nspowner',
    acl: 'n.nspacl',
    letter: `'n'::"char"`,
    from: `pg_namespace n WHERE ${OURS} AND n.nspname <> 'public' AND ${notOfExtension('pg_namespace', 'n')}`,
  },
  {
    key: `'function ' || n.nspname || '.' || p.proname || '(' || pg_get_function_identity_arguments(p.oid) || ')'`,
    // A file that is checked out with other line ends makes the same.
    definition: `concat_ws(' ', CASE p.prokind WHEN 'p' THEN 'PROCEDURE' WHEN 'a' THEN 'AGGREGATE' WHEN 'w' THEN 'WINDOW' ELSE 'FUNCTION' END,
        'ARGUMENTS (' || pg_get_function_arguments(p.oid) || ')', 'RETURNS ' || pg_get_function_result(p.oid), 'LANGUAGE ' || l.lanname,
        CASE p.provolatile WHEN 'i' THEN 'IMMUTABLE' WHEN 's' THEN 'STABLE' ELSE 'VOLATILE' END, CASE WHEN p.prosecdef THEN 'SECURITY DEFINER' END,
        CASE WHEN p.proleakproof THEN 'LEAKPROOF' END, CASE WHEN p.proisstrict THEN 'STRICT' END, 'PARALLEL ' || p.proparallel::text, 'COST ' || p.procost, 'ROWS ' || nullif(p.prorows, 0),
        'SUPPORT ' || nullif(p.prosupport::text, '-'), 'TRANSFORM ' || ${typesOf('p.protrftypes')}, 'SET ' || ${sorted('p.proconfig')},
        'BODY ' || md5(replace(coalesce(pg_get_function_sqlbody(p.oid), p.prosrc) || coalesce(p.probin, ''), E'\\r\\n', E'\\n')),
        (SELECT concat_ws(' ', a.aggkind, a.aggtransfn, a.aggfinalfn, a.aggcombinefn, a.aggserialfn, a.aggdeserialfn, a.aggmtransfn, a.aggminvtransfn, a.aggmfinalfn,
                a.aggfinalextra, a.aggfinalmodify, a.aggsortop::regoper, a.aggtranstype::regtype, a.aggtransspace, a.agginitval, a.aggminitval) FROM pg_aggregate a WHERE a.aggfnoid = p.oid))`,
    owner: 'p.proowner',
    acl: 'p.proacl',
    letter: `'f'::"char"`,
    from: `pg_proc p JOIN pg_language l ON l.oid = p.prolang ${own('pg_proc', 'p', 'pronamespace')}`,
  },
  {
    key: `'type ' || n.nspname || '.' || t.typname`,
    definition: `CASE t.typtype
        WHEN 'd' THEN concat_ws(' ', 'DOMAIN', format_type(t.typbasetype, t.typtypmod), CASE WHEN t.typnotnull THEN 'NOT NULL' END, 'DEFAULT ' || t.typdefault,
          'COLLATE ' || (SELECT l.collname FROM pg_collation l JOIN pg_type b ON b.oid = t.typbasetype WHERE l.oid = t.typcollation AND l.oid <> b.typcollation),
          (SELECT string_agg(pg_get_constraintdef(k.oid), ' ' ORDER BY pg_get_constraintdef(k.oid)) FROM pg_constraint k WHERE k.contypid = t.oid AND k.contype = 'c'))
        WHEN 'r' THEN (SELECT concat_ws(' ', 'RANGE', format_type(r.rngsubtype, NULL), r.rngcanonical, r.rngsubdiff, (SELECT l.collname FROM pg_collation l WHERE l.oid = r.rngcollation),
          (SELECT o.opcname FROM pg_opclass o WHERE o.oid = r.rngsubopc)) FROM pg_range r WHERE r.rngtypid = t.oid)
        WHEN 'c' THEN 'OF (' || coalesce((SELECT string_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod), ', ' ORDER BY a.attnum)
          FROM pg_attribute a WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped), '') || ')'
        ELSE 'ENUM' END`,
    owner: 't.typowner',
    acl: 't.typacl',
    letter: `'T'::"char"`,
    from: `pg_type t LEFT JOIN pg_class c ON c.oid = t.typrelid ${own('pg_type', 't', 'typnamespace')} AND (t.typtype IN ('d', 'e', 'r') OR c.relkind = 'c')`,
  },
  {
    key: `'order of type ' || n.nspname || '.' || t.typname`,
    definition: `(SELECT string_agg(e.enumlabel, ', ' ORDER BY e.enumsortorder) FROM pg_enum e WHERE e.enumtypid = t.oid)`,
    from: `pg_type t ${own('pg_type', 't', 'typnamespace')} AND t.typtype = 'e'`,
  },
  {
    key: `'operator ' || n.nspname || '.' || o.oprname || '(' || format_type(nullif(o.oprleft, 0), NULL) || ', ' || format_type(o.oprright, NULL) || ')'`,
    definition: `concat_ws(' ', o.oprcode, format_type(o.oprresult, NULL), o.oprcom::regoper, o.oprnegate::regoper, o.oprrest, o.oprjoin, o.oprcanmerge, o.oprcanhash)`,
    owner: 'o.oprowner',
    from: `pg_operator o ${own('pg_operator', 'o', 'oprnamespace')}`,
  },
  {
    key: `'operator class ' || n.nspname || '.' || o.opcname || ' of ' || m.amname`,
    definition: `concat_ws(' ', format_type(o.opcintype, NULL), o.opcdefault, (SELECT f.opfname FROM pg_opfamily f WHERE f.oid = o.opcfamily))`,
    owner: 'o.opcowner',
    from: `pg_opclass o JOIN pg_am m ON m.oid = o.opcmethod ${own('pg_opclass', 'o', 'opcnamespace')}`,
  },
  {
    key: `'collation ' || n.nspname || '.' || l.collname`,
    definition: `(to_jsonb(l) - '{oid,collnamespace,collowner,collversion}'::text[])::text`,
    owner: 'l.collowner',
    from: `pg_collation l ${own('pg_collation', 'l', 'collnamespace')}`,
  },
  {
    key: `'text search configuration ' || n.nspname || '.' || f.cfgname`,
    definition: `(SELECT string_agg(m.maptokentype || ' ' || m.mapdict::regdictionary, ', ' ORDER BY m.maptokentype, m.mapseqno) FROM pg_ts_config_map m WHERE m.mapcfg = f.oid)`,
    owner: 'f.cfgowner',
    from: `pg_ts_config f ${own('pg_ts_config', 'f', 'cfgnamespace')}`,
  },
  {
    key: `'text search dictionary ' || n.nspname || '.' || d.dictname`,
    definition: `concat_ws(' ', (SELECT t.tmplname FROM pg_ts_template t WHERE t.oid = d.dicttemplate), d.dictinitoption)`,
    owner: 'd.dictowner',
    from: `pg_ts_dict d ${own('pg_ts_dict', 'd', 'dictnamespace')}`,
  },
  {
    key: `'cast ' || format_type(k.castsource, NULL) || ' as ' || format_type(k.casttarget, NULL)`,
    definition: `concat_ws(' ', nullif(k.castfunc, 0)::regprocedure, k.castcontext, k.castmethod)`,
    from: `pg_cast k WHERE ${NOT_BUILT_IN('k')} AND ${madeByItself('pg_cast', 'k')}`,
  },
];
