// Uses PostgreSQL. What was changed by hand is seen, whatever it was; and what means the same is not told.
import { roleOf, Secret, withPostgres } from '@drydock/kit';
import { compareInventories, type Inventory, outermost, readInventory, readNamed } from '@drydock/kit/inventory';
import { startTestPostgres, type TestPostgres } from '@drydock/sandbox/testing';
import type { Client } from 'pg';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { BASE, CHANGES, HARMLESS } from './corpus.ts';

const test = suite('the inventory of a database');
let postgres: TestPostgres;
let template: string;
test.before(async () => {
  // Roles are the server's.
  postgres = await startTestPostgres({ own: true });
  template = await postgres.createDatabase('corpus');
  await on(template, async (client) => {
    ME = roleOf(new Secret(template)).user ?? '';
    await client.query('CREATE ROLE r_owner; CREATE ROLE r_app; CREATE ROLE r_read');
    await client.query(BASE);
  });
});
test.after(() => postgres.stop());

/** The role of the tests. */
let ME = '';
const on = <T>(url: string, use: (client: Client) => Promise<T>) => withPostgres(new Secret(url), 'test', use);
const copy = () => postgres.createDatabase(undefined, 'corpus');
const run = async (client: Client, sql: string) => {
  const { rows } = await client.query<{ name: string }>('SELECT quote_ident(current_database()) AS name');
  await client.query(sql.replace('DATABASE CURRENT', `DATABASE ${rows[0]?.name}`).replace(' ME', ` ${ME}`));
};

test('every kind that is changed by hand is seen, and nothing else is told', async () => {
  await on(await copy(), async (client) => {
    const before = await readInventory(client);
    for (const [sql] of CHANGES) await run(client, sql);
    const { added, lost, changed } = outermost(compareInventories(before, await readInventory(client)));
    const told = [...added, ...lost, ...changed].map((key) => key.replace(` ${ME} `, ' ME ')).toSorted();
    assert.ok(CHANGES.length >= 40);
    assert.equal(told, CHANGES.flatMap(([, ...keys]) => keys).toSorted());
  });
});

test('what means the same is not told', async () => {
  await on(await copy(), async (client) => {
    const before = await readInventory(client);
    for (const sql of HARMLESS) await run(client, sql);
    assert.ok(HARMLESS.length >= 40);
    assert.equal(compareInventories(before, await readInventory(client)), { added: [], lost: [], changed: [] });
  });
});

test('a name that somebody gave counts, and so does one of PostgreSQL where all do', async () => {
  await on(await copy(), async (client) => {
    const before = await readInventory(client);
    await client.query('ALTER TABLE twice RENAME CONSTRAINT twice_a_check TO positive');
    await client.query('ALTER TABLE jobs RENAME CONSTRAINT jobs_price_check TO jobs_price_check1');
    const after = await readInventory(client);
    const keys = (names: boolean) => compareInventories(before, after, { names }).lost;
    assert.equal(keys(false), ['constraint public.twice.twice_a_check']);
    assert.equal(keys(true), ['constraint public.jobs.jobs_price_check', 'constraint public.twice.twice_a_check']);
  });
});

test('what clients name is read alone, the same', async () => {
  await on(template, async (client) => {
    const whole = await readInventory(client);
    const named = await readNamed(client);
    const of = (inventory: Inventory) =>
      [...inventory].filter(([key]) => /^(table|view|materialized view|sequence|column|enum value) /.test(key));
    assert.equal([...named], of(whole));
  });
});

test('a session is left with what it had set itself, and nothing more', async () => {
  await on(template, async (client) => {
    const set = async () => {
      const { rows } = await client.query(`SELECT name, setting FROM pg_settings WHERE source = 'session' ORDER BY 1`);
      return rows;
    };
    const before = await set();
    await readInventory(client);
    await readNamed(client);
    assert.equal(await set(), before);
    await client.query(`SET search_path = pg_temp, public; SET jit = on`);
    await readNamed(client);
    const after = await set();
    assert.equal(
      after.filter(({ name }) => ['jit', 'search_path'].includes(name)),
      [
        { name: 'jit', setting: 'on' },
        { name: 'search_path', setting: 'pg_temp, public' },
      ],
    );
  });
});

test.run();
