// Uses PostgreSQL of two versions and their own pg_dump; the tasks run as processes.
import { execFileSync } from 'node:child_process';
import { requireTool } from '@drydock/kit';
import { clientsOf, postgresOf, startTestPostgres, type TestPostgres } from '@drydock/sandbox/testing';
import pg from 'pg';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Keys, makeKeys, makeProduct, query } from '../world.ts';
import { CONTENT, CONTENT_18, givenTo, ROLES, TABLESPACE, TRIED, WHO } from './everything.ts';

const test = suite('there and back');
let keys: Keys;
test.before(async () => {
  keys = await makeKeys();
});

const NAME = 'Shop-ä 1';
const COPY = 'Shop-ä 1 copy';
const settings = { allow_in_place_tablespaces: 'on' };

interface Side {
  postgres: TestPostgres;
  dump: string;
  shell: Record<string, string>;
}

/** PostgreSQL's own words for a database and all that is in it; the toolkit's own schema apart. */
function described({ postgres, dump }: Side, name: string): string {
  const url = postgres.urlOf(encodeURIComponent(name));
  return execFileSync(dump, ['--create', '--exclude-schema=drydock', url], { encoding: 'utf8', maxBuffer: 1 << 28 })
    .split('\n')
    .filter((line) => !/^(--|\\(un)?restrict)/.test(line))
    .join('\n')
    .replaceAll(`"${name}"`, '"NAME"')
    .replaceAll(`'${name}'`, `'NAME'`);
}

/** What each role may do and sees: the rows, or PostgreSQL's code of refusal. */
async function allowed({ postgres }: Side, name: string): Promise<Record<string, unknown>> {
  const seen: Record<string, unknown> = {};
  for (const user of WHO) {
    const url = postgres.urlOf(encodeURIComponent(name), { user: encodeURIComponent(user), password: 'p' });
    const client = new pg.Client({ connectionString: url });
    try {
      await client.connect();
    } catch (error) {
      seen[user] = (error as { code?: string }).code;
      continue;
    }
    for (const statement of TRIED) {
      try {
        await client.query('BEGIN');
        const result = await client.query(statement);
        seen[`${user}: ${statement}`] = [result].flat().at(-1)?.rows ?? 'done';
      } catch (error) {
        seen[`${user}: ${statement}`] = (error as { code?: string }).code;
      } finally {
        await client.query('ROLLBACK');
      }
    }
    await client.end();
  }
  return seen;
}

/** What is restored beside the live database publishes nothing. */
function unpublished(dump: string): string {
  return dump.replaceAll(/^(CREATE|ALTER|COMMENT ON) PUBLICATION .*\n/gm, '').replaceAll(/\n{2,}/g, '\n');
}

async function thereAndBack(side: Side, create: string, content: string): Promise<void> {
  const { postgres, shell } = side;
  await query(postgres.adminUrl, ROLES);
  await query(postgres.adminUrl, TABLESPACE);
  await query(
    postgres.adminUrl,
    `CREATE DATABASE "${NAME}" OWNER rt_owner TEMPLATE template0 TABLESPACE "rt space" ${create}`,
  );
  const url = postgres.urlOf(encodeURIComponent(NAME));
  await query(url, content);
  await query(postgres.adminUrl, givenTo(`"${NAME}"`));
  const product = makeProduct(url, keys, { shell });
  const good = async (script: string, ...args: string[]) => {
    const answer = await product.ask(script, ...args);
    assert.is(answer.code, 0, `${script} ${args.join(' ')}: ${answer.error?.message ?? ''}${answer.stderr}`);
    return answer;
  };
  await good('db:backup');
  const [was, could] = [described(side, NAME), await allowed(side, NAME)];
  // So that the two comparisons below can fail.
  assert.ok(was.includes('CONNECTION LIMIT = 50') && was.includes('rt web-App') && was.length > 20_000);
  assert.is(could['rt_app: SHOW search_path'] === undefined, false);

  await good('db:restore', '--to', COPY, '--yes');
  assert.is(unpublished(described(side, COPY)), unpublished(was), 'beside');
  assert.ok(
    was.includes('CREATE PUBLICATION') && !described(side, COPY).includes('PUBLICATION'),
    'it publishes nothing',
  );
  assert.equal(await allowed(side, COPY), could, 'beside, as each role');
  const { run } = await good('db:restore', '--in-place', '--yes');
  assert.is(described(side, NAME), was, 'in place');
  assert.equal(await allowed(side, NAME), could, 'in place, as each role');
  await good('backup:drill');
  await good('db:restore', '--drop-old', run, '--yes');
  await query(postgres.adminUrl, `ALTER DATABASE "${NAME}" IS_TEMPLATE false`);
  await query(postgres.adminUrl, `DROP DATABASE "${NAME}" WITH (FORCE)`);
  await good('db:restore', '--in-place', '--yes');
  assert.is(described(side, NAME), was, 'in place of a database that is gone');
  assert.equal(await allowed(side, NAME), could, 'in place of a database that is gone, as each role');
}

test('PostgreSQL of the machine: everything comes back as pg_dump --create tells it, and each role may do what it might', async () => {
  const postgres = await startTestPostgres({ settings });
  try {
    const side = { postgres, dump: requireTool('pg_dump'), shell: {} };
    await thereAndBack(side, `LOCALE_PROVIDER icu ICU_LOCALE 'de' LOCALE 'C.UTF-8'`, CONTENT);
  } finally {
    await postgres.stop();
  }
});

test('PostgreSQL 18, where a pg_dump of 18 is to be had: the same, and what only 18 has', async () => {
  const [binaries, clients] = [postgresOf(18), clientsOf(18)];
  if (!binaries || !clients) return;
  const postgres = await startTestPostgres({ binaries, settings });
  try {
    const side = { postgres, dump: clients.PG_DUMP_PATH, shell: clients };
    await thereAndBack(side, `LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8' LOCALE 'C'`, CONTENT + CONTENT_18);
  } finally {
    await postgres.stop();
  }
});

test.run();
