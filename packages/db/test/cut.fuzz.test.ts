// Uses PostgreSQL and psql: random valid files of SQL, cut and run by us, and run by one psql -f each.
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { exec, requireTool, Secret } from '@drydock/kit';
import { THOROUGH } from '@drydock/kit/testing';
import { startTestPostgres, type TestPostgres } from '@drydock/sandbox/testing';
import { scan } from 'libpg-query';
import type { Client } from 'pg';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type MigrationSession, withMigrations } from '../src/migrations/apply.ts';
import type { Migration } from '../src/migrations/folder.ts';
import { ensureHistory } from '../src/migrations/history.ts';
import { parseStatements } from '../src/migrations/statements.ts';
import { Gate } from '../src/rehearsal/gate.ts';
import { observeMigration, watchCopy } from '../src/rehearsal/observe.ts';
import { readTables } from '../src/seen/tables.ts';
import { randomFile, randomOf } from './sql-files.ts';
import { query, withClient } from './world.ts';

const test = suite('files of SQL, cut by us and run by psql');
const MINUTES = Number(process.env.DRYDOCK_FUZZ_MINUTES ?? (THOROUGH ? 10 : 0.5));
const SEED = Number(process.env.DRYDOCK_FUZZ_SEED ?? Date.now() % 1_000_000_007);
const BATCH = 20;

/** An empty world, and what a file has made of it, as one text. */
const WORLD = `
CREATE SCHEMA fuzz;
CREATE TABLE fuzz.seen (file INT PRIMARY KEY, world TEXT);
CREATE PROCEDURE fuzz.reset() LANGUAGE plpgsql AS $fuzz$ BEGIN
  DROP SCHEMA IF EXISTS public CASCADE; CREATE SCHEMA public;
  CREATE TABLE public.log (id INT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, v TEXT);
END $fuzz$;
CALL fuzz.reset();
CREATE FUNCTION fuzz.look() RETURNS text LANGUAGE sql SET search_path = public AS $fuzz$
  SELECT json_build_array(
    (SELECT json_agg(v ORDER BY id) FROM log), obj_description('log'::regclass),
    (SELECT json_agg(json_build_array(relname, relkind, CASE WHEN relkind IN ('v', 'm') THEN pg_get_viewdef(oid) WHEN relkind = 'i' THEN pg_get_indexdef(oid) END) ORDER BY relname)
       FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relname NOT LIKE '\\_prisma%'),
    (SELECT json_agg(json_build_array(attrelid::regclass, attname, atttypid::regtype, pg_get_expr(adbin, adrelid)) ORDER BY attrelid::regclass::text, attnum)
       FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum JOIN pg_class c ON c.oid = attrelid
      WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND attnum > 0 AND relname NOT LIKE '\\_prisma%'),
    (SELECT json_agg(pg_get_constraintdef(oid) ORDER BY conname) FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND conrelid::regclass::text NOT LIKE '\\_prisma%'),
    (SELECT json_agg(pg_get_functiondef(oid) ORDER BY proname) FROM pg_proc WHERE pronamespace = 'public'::regnamespace),
    (SELECT json_agg(pg_get_ruledef(r.oid) ORDER BY rulename, ev_class::regclass::text) FROM pg_rewrite r JOIN pg_class c ON c.oid = ev_class WHERE relnamespace = 'public'::regnamespace),
    (SELECT json_agg(enumlabel ORDER BY enumtypid::regtype::text, enumsortorder) FROM pg_enum))::text $fuzz$;`;

let postgres: TestPostgres;
let [byPsql, byUs] = ['', ''];
test.before(async () => {
  postgres = await startTestPostgres({
    settings: { logging_collector: 'on', log_destination: 'jsonlog', log_rotation_size: '0', log_rotation_age: '0' },
  });
  [byPsql, byUs] = [await postgres.createDatabase(), await postgres.createDatabase()];
  for (const url of [byPsql, byUs]) await query(url, WORLD);
});
test.after(() => postgres.stop());

interface File {
  number: number;
  sql: string;
}

const folder = mkdtempSync(join(process.env.DRYDOCK_TEST_ROOT ?? tmpdir(), 'drydock-fuzz-'));

/** All of a batch by one psql, each file by an -f of its own in a session that is made new for it. */
async function runPsql(files: File[], batch: string): Promise<void> {
  const url = new URL(byPsql);
  const args = files.flatMap(({ number, sql }) => {
    const file = join(folder, `${number % BATCH}.sql`);
    writeFileSync(file, sql);
    const say = (text: string) => ['-c', text];
    return [
      ...say(`SELECT 'fuzz file ${number}'`),
      ...['-f', file],
      ...say('SELECT $$fuzz end$$'),
      ...say('DISCARD ALL'),
      ...say(`INSERT INTO fuzz.seen VALUES (${number}, fuzz.look())`),
      ...say('CALL fuzz.reset()'),
    ];
  });
  const env = {
    ...process.env,
    PGPASSWORD: decodeURIComponent(url.password),
    PGAPPNAME: batch,
    PGOPTIONS: '-c log_statement=all -c client_min_messages=error',
  };
  const where = ['-h', url.hostname, '-p', url.port, '-U', url.username, '-d', url.pathname.slice(1)];
  await exec(requireTool('psql'), ['-X', '-q', '-o', '/dev/null', '-v', 'ON_ERROR_STOP=1', ...where, ...args], { env });
}

/** Lets run what a role that can do no harm may run. */
function anything(): Gate {
  return Object.assign(new Gate(), { safeRole: true });
}

/** As a deploy does, as a rehearsal does, or as the down.sql of a migration. */
async function runOurs(session: MigrationSession, { number, sql }: File): Promise<void> {
  const { client } = session;
  const migration: Migration = { name: `f${number}`, file: `f${number}.sql`, sql, checksum: String(number) };
  const options = { lockTimeoutMs: 10_000 };
  const how = number % 4;
  if (how === 1)
    await observeMigration(session, migration, {
      ...options,
      watched: await watchCopy(client, []),
      witnesses: [],
      notes: [],
      gate: anything(),
      allRows: true,
    });
  else if (how === 2)
    await observeMigration(session, migration, {
      ...options,
      watched: await watchCopy(client, await readTables(client)),
      witnesses: [],
      notes: [],
      gate: anything(),
      allRows: true,
    });
  else if (how === 3) {
    await session.apply({ ...migration, sql: '' }, options);
    await session.undo(migration, options);
  } else await session.apply(migration, options);
  await client.query('RESET ROLE; RESET ALL; SET search_path = public; DEALLOCATE ALL');
  await client.query(`INSERT INTO fuzz.seen VALUES (${number}, fuzz.look())`);
  await client.query('CALL fuzz.reset()');
  await ensureHistory(client);
}

/** What the server wrote down of a batch, by file. */
class ServerLog {
  readonly #client: Client;
  #offset = 0;

  constructor(client: Client) {
    this.#client = client;
  }

  async statements(batch: string, last: number): Promise<Map<number, string[]>> {
    const found = new Map<number, string[]>();
    let current: string[] | undefined;
    for (let ended = false; !ended; ) {
      for (const line of await this.#lines()) {
        const { application_name: name, message = '' } = JSON.parse(line) as {
          application_name?: string;
          message?: string;
        };
        if (name !== batch || !message.startsWith('statement: ')) continue;
        const text = message.slice('statement: '.length);
        const [, number] = /^SELECT 'fuzz file (\d+)'$/.exec(text) ?? [];
        if (text === 'SELECT $$fuzz end$$') ended = [...found.keys()].at(-1) === last;
        if (number) {
          current = [];
          found.set(Number(number), current);
        } else if (text === 'SELECT $$fuzz end$$') current = undefined;
        else current?.push(text);
      }
    }
    return found;
  }

  async #lines(): Promise<string[]> {
    const { rows } = await this.#client.query<{ part: Buffer }>(
      `SELECT pg_read_binary_file(pg_current_logfile('jsonlog'), $1, 4000000) AS part`,
      [this.#offset],
    );
    const part = rows[0]?.part ?? Buffer.alloc(0);
    const end = part.lastIndexOf('\n') + 1;
    this.#offset += end;
    return part.subarray(0, end).toString().split('\n').filter(Boolean);
  }
}

/** psql sends what stands before a statement and its semicolon as well. Returns what differs. */
async function compareStatements(sql: string, sent: string[]): Promise<string | undefined> {
  const cut = await parseStatements(sql, 'f.sql');
  // psql sends comments alone, too, where nothing follows them.
  const real: string[] = [];
  for (const text of sent) if (await hasTokens(text)) real.push(text);
  if (cut.length !== real.length) return `${cut.length} statements, where psql sends ${real.length}`;
  for (const [i, { sql }] of cut.entries()) {
    const [ours, theirs] = [withoutBlankLines(sql), withoutBlankLines(real[i] ?? '')];
    if (!(await isWithin(ours, theirs)))
      return `statement ${i + 1} is ${JSON.stringify(ours)}, where psql sends ${JSON.stringify(theirs)}`;
  }
  return undefined;
}

/** With nothing around it but comments and the semicolon. */
async function isWithin(ours: string, theirs: string): Promise<boolean> {
  for (let at = theirs.indexOf(ours); at !== -1; at = theirs.indexOf(ours, at + 1))
    if (!(await hasTokens(`${theirs.slice(0, at)}\n${theirs.slice(at + ours.length)}`))) return true;
  return false;
}

/** psql leaves them out between tokens. Whether they stay within a string, the effect tells. */
function withoutBlankLines(text: string): string {
  return text.replaceAll(/\n[ \t\r\f\v]*(?=\n)/g, '');
}

/** Whether anything but blanks and comments is in it. */
async function hasTokens(text: string): Promise<boolean> {
  if (!/[^\s;]/.test(text)) return false;
  const { tokens } = await scan(text).catch(() => ({ tokens: undefined }));
  // Cut under the other reading it may be no whole text in this one: then it is more than a comment.
  return tokens?.every(({ text: token, tokenName }) => token === ';' || tokenName.endsWith('_COMMENT')) !== true;
}

test(`${MINUTES} minutes of random files: the same statements, the same effect`, async () => {
  const random = randomOf(SEED);
  const differences: string[] = [];
  let [files, statements] = [0, 0];
  await withClient(postgres.adminUrl, async (admin) => {
    const log = new ServerLog(admin);
    await withMigrations(new Secret(byUs), async (session) => {
      for (const end = performance.now() + MINUTES * 60_000; performance.now() < end; ) {
        const batch = Array.from({ length: BATCH }, (): File => ({ number: files++, sql: randomFile(random) }));
        const name = `fuzz ${batch[0]?.number}`;
        const theirs = runPsql(batch, name).then(
          () => undefined,
          (error: Error) => error,
        );
        for (const file of batch)
          await runOurs(session, file).catch((error) => {
            throw new Error(`file ${file.number} of seed ${SEED}: ${error.message}\n${file.sql}`);
          });
        const error = await theirs;
        if (error) throw new Error(`psql: ${error.message}`);
        const sent = await log.statements(name, files - 1);
        for (const { number, sql } of batch) {
          const difference = await compareStatements(sql, sent.get(number) ?? []);
          statements += sent.get(number)?.length ?? 0;
          if (difference) differences.push(`file ${number}: ${difference}\n${sql}`);
        }
        const worlds = (url: string) => query(url, 'SELECT file, world FROM fuzz.seen ORDER BY file');
        const [ours, psqls] = [await worlds(byUs), await worlds(byPsql)];
        for (const [i, { file, world }] of psqls.entries())
          if (ours[i]?.world !== world)
            differences.push(`file ${file}: ${ours[i]?.world}\nwhere psql makes ${world}\n${batch[i]?.sql}`);
        for (const url of [byUs, byPsql]) await query(url, 'TRUNCATE fuzz.seen');
        if (differences.length > 3) break;
      }
    });
  });
  console.log(`    seed ${SEED}: ${files} files, ${statements} statements, ${differences.length} differences`);
  assert.is(differences.join('\n\n'), '', `DRYDOCK_FUZZ_SEED=${SEED}`);
});

test.run();
