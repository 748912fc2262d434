import {
  type CopySource,
  databaseOf,
  dropDatabase,
  localeOf,
  makeDatabase,
  type OpsError,
  provideExtensions,
  quoteIdentifier as q,
  readExtensions,
  type Secret,
  withDatabase,
  withPostgres,
} from '@drydock/kit';
import type { Client } from 'pg';
import type { Target } from '../target.ts';
import { copyAll, copyStructure } from './copy.ts';
import { type Differs, differsBy, NO_DIFFERENCE, unwritable } from './differs.ts';
import { copySample } from './sample.ts';

/** SQLSTATE object_in_use: somebody is connected to the database that should be the template. */
const IN_USE = '55006';
/** SQLSTATE insufficient_privilege. */
const NOT_ALLOWED = '42501';

/** What the scratch database is to hold. `copy` has all rows where that is cheap, and otherwise the structure. */
export type Content = 'copy' | 'schema' | 'sample' | 'full' | 'empty' | Filler;
/** Fills an empty database with something else: a backup. */
export type Filler = (empty: Secret) => Promise<void>;
/** What it came to hold: the whole (`template`, `full`, `backup`), a sample of the rows, or none. `replay`: made anew. */
export type Copy = 'template' | 'full' | 'backup' | 'sample' | 'schema' | 'replay' | 'empty';

export interface Wish {
  target: Secret;
  /** With what copies are made where the role of `target` alone may not. */
  source: CopySource;
  /** The scratch database, which is not there yet. */
  url: Secret;
  content: Content;
  /** Makes the structure where a copy was wanted and pg_dump is older than the server. */
  replay: Filler | undefined;
}

/** Whether it holds all rows of what it was copied from. */
export function hasAllRows(copy: Copy): boolean {
  return copy === 'template' || copy === 'full' || copy === 'backup';
}

/** Above this size a copy of the files is only made when it is asked for: it takes the disk of the live database. */
const FREE_TEMPLATE_BYTES = 20 * 1_024 ** 3;
/** The same for a copy by pg_dump, which takes its time as well. */
const FREE_DUMP_BYTES = 1_024 ** 3;

/** What it came to hold, and what it cannot show of the target. */
export interface Made {
  copy: Copy;
  differs: Differs;
}

/** Makes the scratch database, and fills it. */
export async function makeCopy(owner: Client, wish: Wish): Promise<Made> {
  const { target, url, content } = wish;
  const [from, name] = [databaseOf(target), databaseOf(url)];
  const whole = content === 'copy' || content === 'full';
  const { busy, bytes } = whole ? await lookAt(owner, from) : { busy: true, bytes: 0 };
  if (!busy && (content === 'full' || bytes <= FREE_TEMPLATE_BYTES) && (await copyFiles(owner, from, name)))
    return { copy: 'template', differs: NO_DIFFERENCE };
  const differs = await makeEmpty(owner, wish, content === 'empty');
  if (typeof content === 'function') {
    await content(url);
    return { copy: 'backup', differs };
  }
  if (content === 'empty') return { copy: 'empty', differs };
  if (content === 'full') await copyAll(target, url, differs.without);
  else if (content === 'sample') await copySample(target, url, differs.without);
  else return fillFreely(owner, wish, differs, content === 'copy' && bytes <= FREE_DUMP_BYTES);
  return { copy: content, differs };
}

/** All rows if that is cheap and allowed, else the structure, else what the migrations make. */
async function fillFreely(owner: Client, wish: Wish, first: Differs, cheap: boolean): Promise<Made> {
  const { target, url, content, replay } = wish;
  const attempts: { copy: Copy; fill: (differs: Differs) => Promise<void> }[] = [
    ...(cheap ? [{ copy: 'full' as const, fill: ({ without }: Differs) => copyAll(target, url, without) }] : []),
    { copy: 'schema', fill: () => copyStructure(target, url) },
    ...(replay && content === 'copy' ? [{ copy: 'replay' as const, fill: () => replay(url) }] : []),
  ];
  let differs = first;
  for (const [at, { copy, fill }] of attempts.entries()) {
    try {
      await fill(differs);
      return { copy, differs };
    } catch (error) {
      const next = ['COPY_FAILED', 'PG_DUMP_TOO_OLD'].includes((error as OpsError).code) && attempts[at + 1];
      if (!next) throw error;
      // What is there is half a copy.
      await dropDatabase(owner, databaseOf(url));
      differs = await makeEmpty(owner, wish, next.copy === 'replay');
    }
  }
  return { copy: 'empty', differs };
}

/** Of the target's encoding and locale, with its extensions as far as migrations may not make them: for whoever applies them there. */
export async function makeBeside({ url, copies = {} }: Pick<Target, 'url' | 'copies'>, name: string): Promise<void> {
  const wish = { target: url, url: withDatabase(url, name), source: copies };
  await withPostgres(url, 'drydock rehearsal', (owner) => makeEmpty(owner, wish, true));
}

/** Of the target's encoding and locale, with its extensions; where migrations come next (`afresh`), with those alone that they may not make. */
async function makeEmpty(
  owner: Client,
  { target, url, source }: Pick<Wish, 'target' | 'url' | 'source'>,
  afresh: boolean,
): Promise<Differs> {
  return withPostgres(target, 'drydock rehearsal', async (client) => {
    const [wanted, options] = [await readExtensions(client), await localeOf(client, databaseOf(target))];
    await makeDatabase(owner, databaseOf(url), options, source);
    // It need not survive anything.
    await owner.query(`ALTER DATABASE ${q(databaseOf(url))} SET synchronous_commit = off`);
    if (wanted.length === 0 && !source.template) return NO_DIFFERENCE;
    const provided = await provideExtensions(url, wanted, source, { afresh });
    return differsBy(client, provided, { options, source, unwritable: await unwritable(url) });
  });
}

/**
 * Whether somebody is connected: PostgreSQL waits 5 s before it says so itself. Autovacuum, which it sends away, is
 * nobody: its workers have no role (what kind a session is, an ordinary role is not told).
 */
async function lookAt(owner: Client, database: string): Promise<{ busy: boolean; bytes: number }> {
  const { rows } = await owner.query<{ busy: boolean; bytes: number | null }>(
    `SELECT EXISTS (SELECT 1 FROM pg_stat_activity WHERE datname = $1 AND usesysid IS NOT NULL) AS busy,
            CASE WHEN has_database_privilege($1, 'CONNECT') THEN pg_database_size($1)::float8 END AS bytes`,
    [database],
  );
  return { busy: rows[0]?.busy ?? true, bytes: rows[0]?.bytes ?? Number.POSITIVE_INFINITY };
}

/** Only a database that nobody is connected to can be a template, and only its owner's. */
async function copyFiles(owner: Client, database: string, name: string): Promise<boolean> {
  try {
    await owner.query(`CREATE DATABASE ${q(name)} TEMPLATE ${q(database)}`);
    return true;
  } catch (error) {
    if (![IN_USE, NOT_ALLOWED].includes((error as { code?: string }).code ?? '')) throw error;
    return false;
  }
}

/**
 * Takes from a copy what would lead out of it: subscriptions (a backup has them), without a word to the publisher, whose
 * slot is the live database's; and the passwords with which foreign tables reach other servers.
 */
export async function cutOff(url: Secret): Promise<void> {
  await withPostgres(url, 'drydock rehearsal', async (client) => {
    const { rows: subscriptions } = await client.query<{ name: string }>(
      `SELECT subname AS name FROM pg_subscription WHERE subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())`,
    );
    for (const { name } of subscriptions) {
      await client.query(`ALTER SUBSCRIPTION ${q(name)} DISABLE`);
      await client.query(`ALTER SUBSCRIPTION ${q(name)} SET (slot_name = NONE)`);
      await client.query(`DROP SUBSCRIPTION ${q(name)}`);
    }
    const { rows: mappings } = await client.query<{ server: string; role: string }>(
      `SELECT m.srvname AS server, CASE WHEN m.umuser = 0 THEN 'PUBLIC' ELSE quote_ident(m.usename) END AS role
         FROM pg_user_mappings m JOIN pg_foreign_server s ON s.oid = m.srvid
        WHERE m.usename = current_user OR pg_has_role(s.srvowner, 'USAGE')`,
    );
    for (const { server, role } of mappings) await client.query(`DROP USER MAPPING FOR ${role} SERVER ${q(server)}`);
  });
}
