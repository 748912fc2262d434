// Uses PostgreSQL and anvil: products whose ids PostgreSQL compares by value, so that one job can be typed in many ways.
import { Secret, withPostgres } from '@drydock/kit';
import { runTaskForTest } from '@drydock/kit/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { getAddress, keccak256, stringToBytes } from 'viem';
import inspectTask from '../scripts/inspect.ts';
import reconcileTask from '../scripts/reconcile.ts';
import retryTask from '../scripts/retry.ts';
import rollbackTask from '../scripts/rollback.ts';
import { cloneCodeHash, create2Address } from '../src/chain/address.ts';
import { abis, accountOf, admin, productOf, startWorld, type World } from './world.ts';

const test = suite('the id of a job');
let world: World;
let implementation: `0x${string}`;
test.before(async () => {
  world = await startWorld();
  const contract = { address: world.factory, abi: abis.factory } as const;
  implementation = (await world.chain.readContract({
    ...contract,
    functionName: 'implementation',
  })) as `0x${string}`;
  await world.query('CREATE EXTENSION citext');
});
test.after(() => world.stop());

/** A product of one table, with ids of this type. */
async function productWith(type: string, id: string): Promise<{ root: string; row(): Promise<Row> }> {
  const schema = `by_${type}`;
  await world.query(`CREATE SCHEMA ${schema}`);
  await world.query(
    `CREATE TABLE ${schema}.deals (id ${type} PRIMARY KEY, waiting bool NOT NULL, live bool, addr text, tx text, asked timestamptz, a text, b text, wei numeric(78,0))`,
  );
  await world.query(`INSERT INTO ${schema}.deals VALUES ($1, true, $4, NULL, NULL, now(), $2, $3, 5000)`, [
    id,
    accountOf(4).address,
    accountOf(5).address,
    // A flag that was never set is not true.
    type === 'bigint' ? null : false,
  ]);
  const database = {
    schema,
    jobs: 'deals',
    columns: { id: 'id', pending: 'waiting', deployed: 'live', address: 'addr', txHash: 'tx', since: 'asked' },
    client: { column: 'a' },
    freelancer: { column: 'b' },
    amounts: { column: 'wei' },
    whenDeployed: null,
  };
  return {
    root: productOf(world, { escrow: { database } }),
    row: async () => (await world.query(`SELECT id::text, waiting, live, addr FROM ${schema}.deals`))[0] as Row,
  };
}
interface Row {
  id: string;
  waiting: boolean;
  live: boolean;
  addr: string;
}

const at = (id: string) =>
  getAddress(create2Address(world.factory, keccak256(stringToBytes(id)), cloneCodeHash(implementation)));
const nonces = () => world.chain.getTransactionCount({ address: admin.address });

const SPELLINGS: Record<string, { id: string; typed: string[] }> = {
  uuid: {
    id: '9e0a5777-15c8-444b-a718-ed7926aa9c93',
    typed: [
      '9E0A5777-15C8-444B-A718-ED7926AA9C93',
      '{9e0a5777-15c8-444b-a718-ed7926aa9c93}',
      '9e0a577715c8444ba718ed7926aa9c93',
    ],
  },
  bigint: { id: '9007199254740993', typed: ['09007199254740993', ' 9007199254740993', '+9007199254740993'] },
  citext: { id: 'Deal-7', typed: ['DEAL-7', 'deal-7'] },
};

for (const [type, { id, typed }] of Object.entries(SPELLINGS))
  test(`typed in another spelling of ${type}, it is the same job: one escrow, seen and rolled back by any`, async () => {
    const { root, row } = await productWith(type, id);
    const run = (task: Parameters<typeof runTaskForTest>[0], ...args: string[]) =>
      runTaskForTest(task, root, ['--env', 'staging', ...args]);
    const before = await nonces();
    for (const spelling of [...typed, id]) {
      const { error, outcome } = await run(retryTask, '--job', spelling, '--yes');
      assert.is(error, undefined, error?.message);
      assert.is((outcome?.data as { job?: string } | undefined)?.job, id);
    }
    assert.is(await nonces(), before + 1, 'one transaction, whatever was typed');
    assert.is(await world.chain.getBalance({ address: at(id) }), 5000n);
    for (const spelling of typed)
      assert.is(await world.chain.getCode({ address: at(spelling) }), undefined, 'nothing at another address');
    assert.equal(await row(), { id, waiting: false, live: true, addr: at(id) });
    for (const spelling of typed) {
      const { outcome } = await run(inspectTask, '--job', spelling);
      const seen = outcome?.data as unknown as { job: string; verdict: string; transactions: { source: string }[] };
      assert.equal([seen.job, seen.verdict], [id, 'ok']);
      assert.match(seen.transactions[0]?.source ?? '', 'journal', 'the transaction of the run is found by its deed');
    }
    // The other products' escrows, of the same factory, are no jobs of this one; their ids are not even of its type.
    const { drift, strays } = ((await run(reconcileTask)).outcome?.data ?? {}) as unknown as Record<
      string,
      { job: string }[]
    >;
    assert.equal(drift, []);
    assert.not.ok(strays?.some(({ job }) => job === id));
    const rolledBack = await run(rollbackTask, '--job', typed[0] as string, '--reason', 'a test', '--yes');
    assert.is(rolledBack.error, undefined, rolledBack.error?.message);
    const again = await run(rollbackTask, '--job', typed[1] as string, '--reason', 'a test', '--yes');
    assert.match(again.outcome?.verdict ?? '', 'nothing to do');
    const events = await withPostgres(new Secret(world.databaseUrl), 'test', async (client) => {
      const sql = `SELECT 1 FROM drydock."AuditEvent" WHERE event = 'escrow.rollback' AND metadata->>'job' = $1`;
      return (await client.query(sql, [id])).rowCount;
    });
    assert.is(events, 1);
  });

test('an id that means two jobs is refused: nobody can tell which', async () => {
  await world.query(
    `CREATE SCHEMA twice; CREATE TABLE twice.deals (id citext, waiting bool, live bool, addr text, tx text, asked timestamptz, a text, b text, wei numeric(78,0))`,
  );
  for (const id of ['Deal-8', 'DEAL-8'])
    await world.query(`INSERT INTO twice.deals VALUES ($1, true, false, NULL, NULL, now(), $2, $3, 5000)`, [
      id,
      accountOf(4).address,
      accountOf(5).address,
    ]);
  const columns = { id: 'id', pending: 'waiting', deployed: 'live', address: 'addr', txHash: 'tx', since: 'asked' };
  const product = productOf(world, {
    escrow: {
      database: {
        schema: 'twice',
        jobs: 'deals',
        columns,
        client: { column: 'a' },
        freelancer: { column: 'b' },
        amounts: { column: 'wei' },
        whenDeployed: null,
      },
    },
  });
  const { error } = await runTaskForTest(retryTask, product, ['--env', 'staging', '--job', 'deal-8', '--yes']);
  assert.is(error?.code, 'JOB_AMBIGUOUS');
  assert.is(error?.exit, 2);
});

test.run();
