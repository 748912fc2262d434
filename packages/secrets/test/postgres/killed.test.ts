// Uses PostgreSQL: a rotation whose process ends before or after any of its statements goes on from fresh objects.
import { sampleRounds, THOROUGH } from '@drydock/kit/testing';
import pg from 'pg';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Rotator } from '../../src/rotators/types.ts';
import type { Values } from '../../src/values.ts';
import { as, open, PASSWORDS, productOf, startWorld, urlOf, verifierOf, type World } from './world.ts';

const test = suite('killed rotation of a PostgreSQL login');
let world: World;
let root: string;
test.before(async () => {
  world = await startWorld();
  root = productOf({
    DATABASE_URL: as(world, 'app_a', PASSWORDS.app_a),
    ROTATOR_URL: as(world, 'rotator', PASSWORDS.rotator),
  });
});
test.after(() => world.stop());

const { query } = pg.Client.prototype;
/** As a kill: the connection is gone without a word, and nothing of the process runs any more. */
async function killedAt(statement: number, when: 'before' | 'after', work: () => Promise<unknown>): Promise<boolean> {
  let count = 0;
  let killed = false;
  const die = (client: pg.Client) => {
    killed = true;
    (client as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy();
    return Promise.reject(new Error('killed'));
  };
  pg.Client.prototype.query = function (this: pg.Client, ...args: unknown[]) {
    const run = () => Reflect.apply(query, this, args) as Promise<unknown>;
    if (killed) return die(this);
    if (++count !== statement) return run();
    return when === 'before' ? die(this) : run().then(() => die(this));
  } as typeof query;
  try {
    await work();
  } catch (error) {
    if (!killed) throw error;
  } finally {
    pg.Client.prototype.query = query;
  }
  return killed;
}

const FUNCTIONS = {
  refuse: (rotator: Rotator, old: Values) => rotator.refuse(old),
  add: (rotator: Rotator, old: Values, next: Values) => rotator.add(old, next),
  validate: (rotator: Rotator, old: Values, next: Values) => rotator.validate(old, next),
  retire: (rotator: Rotator, old: Values, next: Values) => rotator.retire(old, next),
  proof: (rotator: Rotator, old: Values, next: Values) => rotator.proof(old, next),
};

async function begin(emergency: boolean) {
  await world.query(
    `ALTER ROLE app_a LOGIN PASSWORD '${verifierOf(PASSWORDS.app_a)}'; ALTER ROLE app_b NOLOGIN PASSWORD NULL;
     ALTER ROLE app_b RESET role; REVOKE app FROM app_b; GRANT app TO app_b; ALTER ROLE app_b SET role = 'app'; ALTER ROLE app_a SET work_mem = '5MB'`,
  );
  const { rotator, old } = await open(root);
  return { old, next: await rotator.make(old), fresh: async () => (await open(root, { emergency })).rotator };
}

const logins = async () =>
  (
    await world.query<{ name: string; can: boolean; has: boolean }>(
      `SELECT rolname::text AS name, rolcanlogin AS can, rolpassword IS NOT NULL AS has FROM pg_authid WHERE rolname ~ '^app' ORDER BY 1`,
    )
  ).map(({ name, can, has }) => `${name} ${can ? 'logs in' : 'may not'}${has ? ', has a password' : ''}`);
const letIn = (url: string) =>
  world.query('SELECT 1', url).then(
    () => true,
    () => false,
  );

for (const emergency of [false, true])
  test(`at any statement of any function${emergency ? ', in an emergency' : ''}: gone on with, one is let in and the other is dead`, async () => {
    // How many statements each has, as counted in a whole one.
    const rounds: { name: keyof typeof FUNCTIONS; statement: number; when: 'before' | 'after' }[] = [];
    const counted = await begin(emergency);
    for (const name of Object.keys(FUNCTIONS) as (keyof typeof FUNCTIONS)[]) {
      let statements = 0;
      pg.Client.prototype.query = function (this: pg.Client, ...args: unknown[]) {
        statements++;
        return Reflect.apply(query, this, args);
      } as typeof query;
      const call = FUNCTIONS[name];
      await call(await counted.fresh(), counted.old, counted.next).finally(() => {
        pg.Client.prototype.query = query;
      });
      for (let statement = 1; statement <= statements; statement++)
        for (const when of ['before', 'after'] as const) rounds.push({ name, statement, when });
    }
    assert.ok(rounds.length > 40, `${rounds.length} rounds`);
    for (const { name, statement, when } of sampleRounds(rounds, emergency ? 3 : 9)) {
      const { old, next, fresh } = await begin(emergency);
      for (const [one, call] of Object.entries(FUNCTIONS)) {
        const round = `${when} statement ${statement} of ${name}`;
        if (one === name) {
          await killedAt(statement, when, async () => call(await fresh(), old, next));
          // The product works all the while.
          assert.ok((await letIn(urlOf(old))) || (await letIn(urlOf(next))), round);
        }
        await call(await fresh(), old, next);
        if (one === 'add' || one === 'validate')
          assert.ok((await letIn(urlOf(old))) && (await letIn(urlOf(next))), round);
      }
      assert.equal(
        await logins(),
        ['app may not', 'app_a may not', 'app_b logs in, has a password'],
        `${when} ${statement} of ${name}`,
      );
      assert.equal(await world.query('SELECT current_user::text AS role, n FROM things', urlOf(next)), [
        { role: 'app', n: 7 },
      ]);
      assert.not(await letIn(urlOf(old)));
    }
  });

test('taken back at any statement: only the one of before is let in', async () => {
  for (const statement of sampleRounds([1, 2, 3, 4, 5, 6, 7, 8], 3))
    for (const when of ['before', 'after'] as const) {
      const { old, next, fresh } = await begin(false);
      await (await fresh()).add(old, next);
      await killedAt(statement, when, async () => (await fresh()).withdraw(old, next));
      await (await fresh()).withdraw(old, next);
      assert.equal(await logins(), ['app may not', 'app_a logs in, has a password', 'app_b may not']);
      assert.ok(await letIn(urlOf(old)));
      // Nothing was ever made: nothing is taken back.
      await (await fresh()).withdraw(old, {});
    }
});

test('adopted at any statement: two logins of one role, whoever goes on', async () => {
  for (let statement = 1, was = true; was; statement += THOROUGH ? 1 : 5)
    for (const when of ['before', 'after'] as const) {
      const role = `single_${statement}_${when}`;
      await world.query(`CREATE ROLE ${role} LOGIN PASSWORD '${verifierOf('canary-single')}'`);
      const own = productOf({
        DATABASE_URL: as(world, role, 'canary-single'),
        ROTATOR_URL: as(world, 'rotator', PASSWORDS.rotator),
      });
      const adopt = async () => {
        const { rotator, old } = await open(own);
        await (await rotator.adoption?.(old))?.run();
      };
      was = await killedAt(statement, when, adopt);
      await adopt();
      const { rotator, old } = await open(own);
      await rotator.refuse(old);
      assert.ok(await letIn(urlOf(old)));
    }
});

test.run();
