import { type Kind, NOT_HISTORY, notOfExtension, OURS } from './scope.ts';

const RELATION = `pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace`;
const MINE = `${OURS} AND ${NOT_HISTORY} AND ${notOfExtension('pg_class', 'c')}`;
const sorted = (array: string) => `(SELECT string_agg(o, ', ' ORDER BY o) FROM unnest(${array}) o)`;
const kindOf = `CASE c.relkind WHEN 'v' THEN 'view ' WHEN 'm' THEN 'materialized view ' WHEN 'S' THEN 'sequence ' ELSE 'table ' END`;

/** What a client names in its queries; see `readNamed`. */
export const NAMED: Kind[] = [
  {
    key: `${kindOf} || n.nspname || '.' || c.relname`,
    definition: `concat_ws(' ', CASE WHEN c.relkind IN ('v', 'm') THEN pg_get_viewdef(c.oid) END, CASE WHEN c.relkind = 'f' THEN 'FOREIGN' END,
        CASE WHEN c.relrowsecurity THEN 'ROW LEVEL SECURITY' END, CASE WHEN c.relforcerowsecurity THEN 'FORCE ROW LEVEL SECURITY' END,
        CASE WHEN c.relpersistence = 'u' THEN 'UNLOGGED' END, pg_get_partkeydef(c.oid), pg_get_expr(c.relpartbound, c.oid),
        (SELECT 'INHERITS ' || string_agg(i.inhparent::regclass::text, ', ' ORDER BY i.inhseqno) FROM pg_inherits i WHERE i.inhrelid = c.oid AND c.relkind IN ('r', 'p', 'f')),
        CASE WHEN c.reloftype <> 0 THEN 'OF ' || c.reloftype::regtype END,
        CASE c.relreplident WHEN 'f' THEN 'REPLICA IDENTITY FULL' WHEN 'n' THEN 'REPLICA IDENTITY NOTHING' WHEN 'i' THEN 'REPLICA IDENTITY ' || (
          SELECT string_agg(a.attname, ', ' ORDER BY a.attnum) FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey::int2[])
           WHERE i.indrelid = c.oid AND i.indisreplident) END,
        CASE WHEN c.relkind = 'S' THEN (
          SELECT concat_ws(' ', format_type(s.seqtypid, NULL), 'START', s.seqstart, 'INCREMENT', s.seqincrement, 'MIN', s.seqmin, 'MAX', s.seqmax, 'CACHE', s.seqcache, CASE WHEN s.seqcycle THEN 'CYCLE' END)
            FROM pg_sequence s WHERE s.seqrelid = c.oid) END,
        CASE WHEN c.relkind = 'S' THEN (
          SELECT 'OWNED BY ' || d.refobjid::regclass || '.' || a.attname FROM pg_depend d JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
           WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')) END)`,
    owner: 'c.relowner',
    told: `c.relkind <> 'S' OR NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i'))`,
    acl: 'c.relacl',
    letter: `CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END::"char"`,
    from: `${RELATION} WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f') AND ${MINE}`,
  },
  {
    key: `'column ' || n.nspname || '.' || c.relname || '.' || a.attname`,
    definition: `format_type(a.atttypid, a.atttypmod) || CASE WHEN a.attnotnull THEN ' NOT NULL' ELSE '' END
        || coalesce(CASE WHEN a.attgenerated = '' THEN ' DEFAULT ' END || pg_get_expr(x.adbin, x.adrelid), '')
        || CASE WHEN a.attidentity <> '' THEN ' IDENTITY ' || a.attidentity::text ELSE '' END
        || CASE a.attgenerated WHEN '' THEN '' WHEN 's' THEN ' GENERATED STORED ' ELSE ' GENERATED VIRTUAL ' END || coalesce(CASE WHEN a.attgenerated <> '' THEN pg_get_expr(x.adbin, x.adrelid) END, '')
        || coalesce(' COLLATE ' || (SELECT l.collname FROM pg_collation l JOIN pg_type t ON t.oid = a.atttypid WHERE l.oid = a.attcollation AND l.oid <> t.typcollation), '')`,
    acl: 'a.attacl',
    letter: `'c'::"char"`,
    from: `pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
        LEFT JOIN pg_attrdef x ON x.adrelid = a.attrelid AND x.adnum = a.attnum
       WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND ${MINE}`,
  },
  {
    key: `'enum value ' || n.nspname || '.' || t.typname || '.' || e.enumlabel`,
    definition: `''`,
    from: `pg_enum e JOIN pg_type t ON t.oid = e.enumtypid JOIN pg_namespace n ON n.oid = t.typnamespace WHERE ${OURS} AND ${notOfExtension('pg_type', 't')}`,
  },
];

/** What relations have besides. */
export function relationKinds(version: number): Kind[] {
  const enforced = version >= 180000 ? 'k.conenforced' : 'true';
  const unproved =
    version >= 180000
      ? `(SELECT k.conname FROM pg_constraint k WHERE k.conrelid = a.attrelid AND k.contype = 'n' AND k.conkey[1] = a.attnum AND NOT k.convalidated)`
      : 'NULL';
  return [
    {
      key: `'options of ' || ${kindOf} || n.nspname || '.' || c.relname`,
      definition: sorted('c.reloptions'),
      from: `${RELATION} WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND c.reloptions IS NOT NULL AND ${MINE}`,
    },
    {
      key: `'settings of column ' || n.nspname || '.' || c.relname || '.' || a.attname`,
      definition: `concat_ws(' ', CASE WHEN a.attstorage <> t.typstorage THEN 'STORAGE ' || a.attstorage::text END, 'COMPRESSION ' || nullif(a.attcompression::text, ''),
          'STATISTICS ' || nullif(coalesce(a.attstattarget, -1), -1), ${sorted('a.attoptions')}, md5(${sorted('a.attfdwoptions')}))`,
      from: `pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_type t ON t.oid = a.atttypid
         WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p', 'm', 'f') AND ${MINE}
           AND (a.attstorage <> t.typstorage OR a.attcompression <> '' OR coalesce(a.attstattarget, -1) <> -1 OR a.attoptions IS NOT NULL OR a.attfdwoptions IS NOT NULL)`,
    },
    {
      // A rule that was never checked against the rows that were there: the column itself looks as if it were.
      key: `'constraint ' || n.nspname || '.' || c.relname || '.' || ${unproved}`,
      definition: `'NOT NULL ' || a.attname`,
      valid: 'false',
      from: `pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE ${version >= 180000 ? `a.attnotnull AND ${unproved} IS NOT NULL` : 'false'} AND c.relkind IN ('r', 'p') AND ${MINE}`,
    },
    {
      key: `'index ' || n.nspname || '.' || c.relname`,
      definition: 'pg_get_indexdef(c.oid)',
      valid: 'i.indisvalid AND i.indisready',
      from: `pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_class t ON t.oid = i.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE ${OURS} AND t.relname <> '_prisma_migrations' AND ${notOfExtension('pg_class', 't')}`,
    },
    {
      // PostgreSQL's own copies of a key to or from each partition go with it.
      key: `'constraint ' || n.nspname || '.' || c.relname || '.' || k.conname`,
      definition: 'pg_get_constraintdef(k.oid)',
      valid: `k.convalidated OR NOT ${enforced}`,
      from: `pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE k.contype IN ('c', 'f', 'p', 'u', 'x') AND k.conparentid = 0 AND ${MINE}`,
    },
    {
      key: `'trigger ' || n.nspname || '.' || c.relname || '.' || t.tgname`,
      definition: 'pg_get_triggerdef(t.oid)',
      valid: `t.tgenabled <> 'D'`,
      from: `pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace WHERE NOT t.tgisinternal AND ${OURS}`,
    },
    {
      key: `'rule ' || n.nspname || '.' || c.relname || '.' || r.rulename`,
      definition: 'pg_get_ruledef(r.oid)',
      valid: `r.ev_enabled <> 'D'`,
      from: `pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class JOIN pg_namespace n ON n.oid = c.relnamespace WHERE r.rulename <> '_RETURN' AND ${MINE}`,
    },
    {
      key: `'firing of trigger ' || n.nspname || '.' || c.relname || '.' || t.tgname`,
      definition: `CASE t.tgenabled WHEN 'R' THEN 'REPLICA' ELSE 'ALWAYS' END`,
      from: `pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace WHERE NOT t.tgisinternal AND t.tgenabled IN ('R', 'A') AND ${OURS}`,
    },
    {
      key: `'firing of rule ' || n.nspname || '.' || c.relname || '.' || r.rulename`,
      definition: `CASE r.ev_enabled WHEN 'R' THEN 'REPLICA' ELSE 'ALWAYS' END`,
      from: `pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class JOIN pg_namespace n ON n.oid = c.relnamespace WHERE r.rulename <> '_RETURN' AND r.ev_enabled IN ('R', 'A') AND ${MINE}`,
    },
    {
      key: `'policy ' || n.nspname || '.' || c.relname || '.' || p.polname`,
      definition: `concat_ws(' ', CASE WHEN p.polpermissive THEN 'PERMISSIVE' ELSE 'RESTRICTIVE' END, CASE p.polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE' WHEN 'd' THEN 'DELETE' ELSE 'ALL' END,
          'TO', (SELECT string_agg(CASE r.oid WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(r.oid) END, ', ' ORDER BY pg_get_userbyid(r.oid)) FROM unnest(p.polroles) r (oid)),
          'USING ' || pg_get_expr(p.polqual, p.polrelid), 'CHECK ' || pg_get_expr(p.polwithcheck, p.polrelid))`,
      from: `pg_policy p JOIN pg_class c ON c.oid = p.polrelid JOIN pg_namespace n ON n.oid = c.relnamespace WHERE ${OURS}`,
    },
    {
      key: `'statistics ' || n.nspname || '.' || s.stxname`,
      definition: `pg_get_statisticsobjdef(s.oid) || coalesce(' STATISTICS ' || nullif(coalesce(s.stxstattarget, -1), -1), '')`,
      owner: 's.stxowner',
      from: `pg_statistic_ext s JOIN pg_namespace n ON n.oid = s.stxnamespace WHERE ${OURS} AND ${notOfExtension('pg_statistic_ext', 's')}`,
    },
    {
      key: `'foreign table ' || n.nspname || '.' || c.relname`,
      definition: `concat_ws(' ', s.srvname, md5(${sorted('f.ftoptions')}))`,
      from: `pg_foreign_table f JOIN pg_class c ON c.oid = f.ftrelid JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_foreign_server s ON s.oid = f.ftserver WHERE ${MINE}`,
    },
  ];
}
