import { quoteIdentifier as q } from '@drydock/kit';
import type { RangeVar } from 'libpg-query';
import type { Client } from 'pg';
import { findIndex } from './built.ts';
import type { Note } from './note.ts';
import type { Node, Statement } from './statements.ts';

/** What is there under the name, held against what the statement asks for. */
type Verdict =
  | { what: string; same: true }
  /** How it differs, or that it could not be told. */
  | { what: string; same: false | undefined; differs: string };

/**
 * What a statement asks for and PostgreSQL will skip without an error: IF NOT EXISTS where something of that name is there
 * already, IF EXISTS where nothing is. To be asked on a copy, before the statement runs: what is there is moved aside, the
 * statement runs for a try, and both are compared, in a transaction that is rolled back. The same thing is no finding. `fresh`: the
 * files made all that is there, so that it comes out the same everywhere, and nobody has to be kept from it.
 */
export async function findSkipped(client: Client, statement: Statement, { fresh = false } = {}): Promise<Note[]> {
  const { node, line, alone } = statement;
  const verdicts = await judge(client, statement, !alone);
  const missing = await findMissing(client, node);
  return [
    ...verdicts
      .filter((verdict): verdict is Exclude<Verdict, { same: true }> => verdict.same !== true)
      .map(
        ({ what, same, differs }): Note => ({
          line,
          raw: {
            level: same === undefined || fresh ? 'warn' : 'error',
            code: 'SKIPPED_IN_SILENCE',
            message:
              same === undefined
                ? `is skipped, since ${what} is there already; whether that is what the file asks for could not be told${differs}`
                : `is skipped, since ${what} is there already, and that is another one: ${differs}`,
            hint: 'Leave IF NOT EXISTS out, give it another name, or change what is there by ALTER.',
          },
        }),
      ),
    ...missing.map(
      (what): Note => ({
        line,
        raw: {
          level: 'warn',
          code: 'SKIPPED_IN_SILENCE',
          message: `is skipped, since there is no ${what}`,
          hint: 'Leave IF EXISTS out: then PostgreSQL says it.',
        },
      }),
    ),
  ];
}

/** The same of what code runs: each such node by itself. What PostgreSQL says when it runs tells whether it came to that. */
export async function findSkippedInside(
  client: Client,
  statement: Statement,
  { nodes, fresh }: { nodes: Node[]; fresh: boolean },
): Promise<Note[]> {
  const notes: Note[] = [];
  for (const node of statement.alone ? [] : nodes.filter(skips)) {
    const { deparse } = await import('pgsql-deparser');
    const sql = await deparse(node as never, { pretty: false });
    const found = await findSkipped(client, { ...statement, sql, node }, { fresh });
    notes.push(...found.filter(({ raw }) => raw.level === 'error' || fresh));
  }
  return notes;
}

function skips({ IndexStmt, CreateStmt, AlterTableStmt, CreateSeqStmt }: Node): boolean {
  const columns = ((AlterTableStmt?.cmds ?? []) as Node[]).some(({ AlterTableCmd: cmd }) => cmd?.missing_ok);
  return Boolean(IndexStmt?.if_not_exists ?? CreateStmt?.if_not_exists ?? CreateSeqStmt?.if_not_exists ?? columns);
}

async function judge(client: Client, statement: Statement, inTransaction: boolean): Promise<Verdict[]> {
  const { IndexStmt, CreateStmt, AlterTableStmt, CreateSeqStmt, CreateTableAsStmt } = statement.node;
  if (IndexStmt?.if_not_exists) return judgeIndex(client, statement, inTransaction);
  const created = CreateStmt ?? CreateSeqStmt ?? CreateTableAsStmt;
  if (created?.if_not_exists) {
    const range = CreateStmt?.relation ?? CreateSeqStmt?.sequence ?? CreateTableAsStmt?.into?.rel;
    if (range?.relpersistence === 't') return [];
    const there = await findRelation(client, range, { created: true });
    if (!there) return [];
    const what = `${KINDS[there.kind] ?? 'a relation'} ${there.name}`;
    const wanted = CreateStmt
      ? 'rp'
      : CreateSeqStmt
        ? 'S'
        : CreateTableAsStmt?.objtype === 'OBJECT_MATVIEW'
          ? 'm'
          : 'r';
    if (!wanted.includes(there.kind))
      return [{ what, same: false, differs: `no ${KINDS[wanted[0] ?? '']?.split(' ').slice(1).join(' ')}` }];
    if (CreateTableAsStmt) return [{ what, same: undefined, differs: ': its query would have to run' }];
    return [await compareAside(client, statement, { ...there, what })];
  }
  const columns = await findColumns(client, AlterTableStmt);
  if (columns.table && columns.names.length > 0) return compareColumns(client, statement, columns.table, columns.names);
  return [];
}

/** pg_class.relkind, with its article. */
const KINDS: Record<string, string> = {
  r: 'the table',
  p: 'the table',
  v: 'the view',
  m: 'the materialized view',
  S: 'the sequence',
  f: 'the foreign table',
  i: 'the index',
  I: 'the index',
  c: 'the type',
};

async function judgeIndex(client: Client, statement: Statement, inTransaction: boolean): Promise<Verdict[]> {
  const { idxname, relation } = statement.node.IndexStmt ?? {};
  const found = await findIndex(client, statement, { inTransaction });
  if (found?.same === true) return [{ what: found.name, same: true }];
  if (found?.same === false) return [{ what: `the index ${found.name}`, same: false, differs: found.definition }];
  if (found) return [{ what: `the index ${found.name}`, same: undefined, differs: `: ${found.definition}` }];
  const table = await findRelation(client, relation);
  const other =
    table && (await findRelation(client, { schemaname: table.schema, ...(idxname ? { relname: idxname } : {}) }));
  return other ? [{ what: `${KINDS[other.kind]} ${other.name}`, same: false, differs: 'no index' }] : [];
}

interface Relation {
  oid: number;
  schema: string;
  name: string;
  relname: string;
  kind: string;
}

type Range = Pick<RangeVar, 'schemaname' | 'relname'>;

/** `created`: where a CREATE without a schema would make it, which is not where a name is looked for first. */
async function findRelation(
  client: Client,
  range: Range | undefined,
  { created = false } = {},
): Promise<Relation | undefined> {
  if (!range?.relname) return undefined;
  const { rows } = await client.query<Relation>(
    `SELECT c.oid::int8::float8 AS oid, n.nspname AS schema, c.oid::regclass::text AS name, c.relname, c.relkind AS kind
       FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      WHERE ${created ? 'n.nspname = coalesce($1, pg_catalog.current_schema()) AND c.relname = left($2, 63)' : `c.oid = pg_catalog.to_regclass(concat_ws('.', quote_ident($1), quote_ident($2)))`}`,
    [range.schemaname ?? null, range.relname],
  );
  return rows[0];
}

async function findColumns(
  client: Client,
  alter: Node['AlterTableStmt'],
): Promise<{ table?: Relation; names: string[] }> {
  const asked = ((alter?.cmds ?? []) as Node[]).flatMap(({ AlterTableCmd: cmd }) =>
    cmd?.subtype === 'AT_AddColumn' && cmd.missing_ok ? [((cmd.def ?? {}) as Node).ColumnDef?.colname ?? ''] : [],
  );
  const table = asked.length > 0 ? await findRelation(client, alter?.relation) : undefined;
  if (!table) return { names: [] };
  const { rows } = await client.query<{ name: string }>(
    'SELECT attname AS name FROM pg_catalog.pg_attribute WHERE attrelid = $1::int8::oid AND attname = ANY($2) AND NOT attisdropped',
    [table.oid, asked],
  );
  return { table, names: rows.map(({ name }) => name) };
}

/** ALTER … IF EXISTS of what is not there. */
async function findMissing(client: Client, node: Node): Promise<string[]> {
  const alter = node.AlterTableStmt ?? node.RenameStmt;
  if (!alter?.missing_ok || !alter.relation) return [];
  if (await findRelation(client, alter.relation)) return [];
  return [[alter.relation.schemaname, alter.relation.relname].filter(Boolean).join('.')];
}

const ASIDE = 'drydock_aside';

/** Runs `work` and takes everything back, whatever it did. Undefined with PostgreSQL's reason where it could not. */
async function tryOut<T>(client: Client, work: () => Promise<T>): Promise<T | Error> {
  await client.query('SAVEPOINT drydock_probe');
  try {
    await client.query(`CREATE SCHEMA ${ASIDE}`);
    return await work();
  } catch (error) {
    if ((error as { code?: string }).code === undefined) throw error;
    return error as Error;
  } finally {
    await client.query('ROLLBACK TO SAVEPOINT drydock_probe; RELEASE SAVEPOINT drydock_probe');
  }
}

/** The statement makes it anew beside what is there. */
async function compareAside(
  client: Client,
  { sql, node }: Statement,
  there: Relation & { what: string },
): Promise<Verdict> {
  const { what } = there;
  const sequence = node.CreateSeqStmt !== undefined;
  const result = await tryOut(client, async () => {
    await client.query(
      `ALTER ${sequence ? 'SEQUENCE' : 'TABLE'} ${q(there.schema)}.${q(there.relname)} SET SCHEMA ${ASIDE}`,
    );
    await client.query(sql);
    const asked = `${q(there.schema)}.${q(there.relname)}`;
    const has = `${ASIDE}.${q(there.relname)}`;
    return sequence
      ? differences(await readSequence(client, asked), await readSequence(client, has))
      : differences(await readParts(client, asked), await readParts(client, has, there.schema));
  });
  return verdictOf(what, result);
}

/** The columns are added to an empty table of the others, in the place of the one that is there. */
async function compareColumns(
  client: Client,
  { sql }: Statement,
  table: Relation,
  names: string[],
): Promise<Verdict[]> {
  const place = `${q(table.schema)}.${q(table.relname)}`;
  const aside = `${ASIDE}.${q(table.relname)}`;
  const result = await tryOut(client, async () => {
    await client.query(`ALTER TABLE ${place} SET SCHEMA ${ASIDE}`);
    await client.query(`CREATE TABLE ${place} (LIKE ${aside})`);
    for (const name of names) await client.query(`ALTER TABLE ${place} DROP COLUMN ${q(name)} CASCADE`);
    await client.query(sql);
    const [asked, has] = [await readParts(client, place), await readParts(client, aside, table.schema)];
    return names.map((name) => {
      const key = `column ${name}`;
      const only = (parts: Map<string, string>) => new Map([...parts].filter(([part]) => part === key));
      return differences(only(asked), only(has));
    });
  });
  return names.map((name, i) =>
    verdictOf(`the column ${table.name}.${q(name)}`, result instanceof Error ? result : (result[i] ?? [])),
  );
}

function verdictOf(what: string, result: string[] | Error): Verdict {
  if (result instanceof Error) return { what, same: undefined, differs: `: ${result.message}` };
  if (result.length === 0) return { what, same: true };
  const more = result.length > 3 ? `, and ${result.length - 3} more` : '';
  return { what, same: false, differs: `${result.slice(0, 3).join('; ')}${more}` };
}

/** Of what is asked for; what is there may have more. */
function differences(asked: Map<string, string>, has: Map<string, string>): string[] {
  return [...asked].flatMap(([key, definition]) => {
    const other = has.get(key);
    if (other === undefined) return [`it has no ${key}`];
    return other === definition ? [] : [`its ${key} is ${other}, not ${definition}`];
  });
}

/** Columns and constraints. Names of what was moved aside are told as if they were in `schema`. */
async function readParts(client: Client, table: string, schema = ASIDE): Promise<Map<string, string>> {
  // Every name with its schema, until the try is taken back.
  await client.query("SET LOCAL search_path = 'pg_catalog'");
  const { rows } = await client.query<{ key: string; definition: string }>(
    `SELECT replace(key, '${ASIDE}.', quote_ident($2) || '.') AS key, replace(definition, '${ASIDE}.', quote_ident($2) || '.') AS definition FROM (
       SELECT 'column ' || a.attname AS key, concat_ws(' ', format_type(a.atttypid, a.atttypmod), CASE WHEN a.attnotnull THEN 'NOT NULL' END,
                'DEFAULT ' || pg_get_expr(d.adbin, d.adrelid), nullif('IDENTITY ' || a.attidentity::text, 'IDENTITY '), nullif('GENERATED ' || a.attgenerated::text, 'GENERATED '),
                'COLLATE ' || (SELECT l.collname FROM pg_collation l WHERE l.oid = a.attcollation AND l.collname <> 'default')) AS definition
         FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
        WHERE a.attrelid = $1::regclass AND a.attnum > 0 AND NOT a.attisdropped
        UNION ALL
       SELECT 'constraint ' || pg_get_constraintdef(k.oid), '' FROM pg_constraint k WHERE k.conrelid = $1::regclass AND k.contype <> 'n') AS parts`,
    [table, schema],
  );
  return new Map(rows.map(({ key, definition }) => [key, definition]));
}

async function readSequence(client: Client, name: string): Promise<Map<string, string>> {
  const { rows } = await client.query<Record<string, string>>(
    `SELECT format_type(seqtypid, NULL) AS type, seqstart::text AS start, seqincrement::text AS increment, seqmin::text AS minimum, seqmax::text AS maximum, seqcycle::text AS cycle
       FROM pg_catalog.pg_sequence WHERE seqrelid = $1::regclass`,
    [name],
  );
  return new Map(Object.entries(rows[0] ?? {}));
}
