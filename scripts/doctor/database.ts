import { existsSync } from 'node:fs';
import { relative } from 'node:path';
import {
  command,
  databaseSection,
  type Hint,
  operatorUrl,
  quoteIdentifier as q,
  readerUrl,
  withPostgres,
} from '@drydock/kit';
import type { Patient, Probe, Row } from './probe.ts';

/** With which the names of all begin that cannot be asked where it is away. */
export const DATABASE = 'database';

/** As the operator: is it the right one, may our role do what tasks will want of it, and does the product lead to the same? */
export async function databaseProbes(patient: Patient): Promise<Probe[]> {
  const { config, environment, run } = patient;
  const { databaseQuestions } = await import('@drydock/release/database');
  const { readUrl, url, appUrl } = databaseSection.of(config);
  const questions = databaseQuestions(config, environment, run);
  const asked = questions.filter(
    ({ about }) => about === DATABASE || (environment.has(url) && environment.has(appUrl)),
  );
  return [
    ...asked.map(
      ({ about, ask }): Probe => ({
        what: about,
        next: command('env:check'),
        ask: () => ask(new AbortController().signal),
      }),
    ),
    { what: `${DATABASE}: rights`, ask: () => rightsOf(patient) },
    ...(environment.has(readUrl)
      ? [
          {
            what: `${DATABASE}, to read`,
            ask: () => withPostgres(readerUrl(config, environment), NAME, async ({ user }) => `as ${user ?? ''}`),
          },
        ]
      : []),
    await schemaProbe(patient),
  ];
}

const NAME = 'drydock doctor';

/** Where the config says that it is, and one that Prisma can read. */
async function schemaProbe({ config }: Patient): Promise<Probe> {
  const { describeSchema, placesOf } = await import('@drydock/db/schema');
  const at = (path: string) => relative(config.root, path);
  const what = 'Prisma schema';
  const row = (state: Row['state'], code: string, found: string, next: Hint): Row[] => [
    { what, state, code, found, next },
  ];
  return {
    what,
    async ask() {
      const places = placesOf(config);
      const [schema, migrations] = [at(places.schema), at(places.migrations)];
      if (!existsSync(places.schema))
        return row(
          'fails',
          'SCHEMA_MISSING',
          `There is none at ${schema}.`,
          'Say where it is in drydock.config.ts: database.schema',
        );
      const { problem } = await describeSchema(places.schema);
      if (problem) return row('fails', 'SCHEMA_BROKEN', problem.replace(`${config.root}/`, ''), 'npx prisma validate');
      if (existsSync(places.migrations)) return `${schema}, migrations in ${migrations}`;
      return row(
        'doubt',
        'MIGRATIONS_MISSING',
        `${schema}, and no migrations at ${migrations}`,
        'Make the first (npx prisma migrate dev), or say where they are: database.migrations',
      );
    },
  };
}

interface Rights {
  role: string;
  superuser: boolean;
  createdb: boolean;
  /** May make the schema that Drydock keeps its own tables in, or write to the one that is there. */
  keeps: boolean;
  others: number;
  owner: string | null;
  untrusted: string[];
}

async function rightsOf({ config, environment }: Patient): Promise<Row[]> {
  const { url, appUrl, scratch } = databaseSection.of(config);
  const rights = await withPostgres(
    operatorUrl(config, environment),
    NAME,
    async (client) => (await client.query<Rights>(RIGHTS)).rows[0],
  );
  if (!rights) return [];
  const what = `${DATABASE}: rights`;
  const { role, superuser, createdb, keeps, others, owner, untrusted } = rights;
  const rows: Row[] = [];
  const add = (state: Row['state'], code: string, found: string, next: Hint) =>
    rows.push({ what, state, code, found, next });
  if (!superuser && !createdb && !environment.has(scratch.url))
    add(
      'fails',
      'NO_CREATEDB',
      `${role} may make no databases: migrations and restores are tried on a copy.`,
      `As a superuser: ALTER ROLE ${q(role)} CREATEDB`,
    );
  if (!keeps)
    add(
      'fails',
      'NO_CREATE',
      `${role} may make no schema in it: what was done is kept in one called drydock.`,
      `As its owner: GRANT CREATE ON DATABASE … TO ${q(role)}`,
    );
  if (others > 0)
    add(
      'fails',
      'NOT_OWNER',
      `${others} tables are not of ${role}, who cannot change them: the owner is ${owner}.`,
      `Give the owner's address to ${environment.has(url) ? url : `${url} (${appUrl} is used without it)`}.`,
    );
  const isHelped = scratch.template !== undefined || environment.has(scratch.url);
  if (!superuser && !isHelped && untrusted.length > 0)
    add(
      'doubt',
      'EXTENSION_UNTRUSTED',
      `Only a superuser can make ${untrusted.join(', ')}: copies for rehearsals and drills need another way to it.`,
      'Name a template or a role for copies in drydock.config.ts: database.scratch',
    );
  if (rows.length === 0)
    return [{ what, state: 'works', code: 'WORKS', found: `${role} owns what is there, and may make copies` }];
  return rows;
}

const RIGHTS = `
  WITH ours AS (
    SELECT c.relowner FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind IN ('r', 'p') AND n.nspname NOT IN ('information_schema', 'drydock') AND n.nspname !~ '^pg_'
       AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')),
  foreign_ones AS (SELECT relowner FROM ours WHERE NOT pg_has_role(relowner, 'USAGE'))
  SELECT r.rolname AS role, r.rolsuper AS superuser, r.rolcreatedb AS createdb,
         CASE WHEN s.oid IS NULL THEN has_database_privilege(current_database(), 'CREATE') ELSE has_schema_privilege(s.oid, 'USAGE') END AS keeps,
         (SELECT count(*)::int FROM foreign_ones) AS others,
         (SELECT pg_get_userbyid(relowner) FROM foreign_ones LIMIT 1) AS owner,
         ARRAY(SELECT e.extname::text FROM pg_extension e JOIN pg_available_extension_versions v ON v.name = e.extname AND v.version = e.extversion
                WHERE v.superuser AND NOT v.trusted) AS untrusted
    FROM pg_roles r LEFT JOIN pg_namespace s ON s.nspname = 'drydock'
   WHERE r.rolname = current_user`;
