// Uses PostgreSQL and anvil; the tasks run as processes, as a person would.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ask, run } from './process.ts';
import { abis, accountOf, productOf, startWorld, type World } from './world.ts';

const test = suite('escrow: bad input');
let world: World;
let root: string;
test.before(async () => {
  world = await startWorld();
  root = productOf(world);
});
test.after(() => world.stop());

test('an unknown job, and one with hostile characters, change nothing and move no cursor', async () => {
  const [{ count }] = await world.query('SELECT count(*)::int FROM "Job"');
  for (const id of [
    'nobody',
    `'; DROP TABLE "Job"; --`,
    '\u001b[2J\u202e',
    '$(reboot)',
    '../../etc/passwd',
    'é'.repeat(300),
  ]) {
    for (const [script, ...rest] of [['inspect'], ['retry'], ['rollback', '--reason', 'x', '--yes']] as const) {
      if (script !== 'inspect' && id !== 'nobody' && !id.startsWith("'")) continue;
      const { code, stdout, stderr } = await run(root, script, '--job', id, ...rest);
      assert.is(code, 2, `${script} ${JSON.stringify(id)}: ${stdout}${stderr}`);
      assert.match(stdout, 'There is no job');
      // biome-ignore lint/suspicious/noControlCharactersInRegex: it is what must not be there.
      assert.not.match(stdout, /\u001b|\u202e/);
    }
  }
  assert.is((await world.query('SELECT count(*)::int FROM "Job"'))[0].count, count);
});

test('a job id of hostile characters that is there is handled like any other', async () => {
  const id = `x'; DROP TABLE "Job"; -- \u001b[31m`;
  await world.addJob({ id });
  const made = await ask(root, 'retry', '--job', id);
  assert.is(made.code, 0, JSON.stringify(made.error));
  assert.is(await world.chain.getBalance({ address: world.escrowOf(id) }), 350n);
  const { stdout } = await run(root, 'status');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: it is what must not be there.
  assert.not.match(stdout, /\u001b/);
});

test('no job, a wrong flag, a fee that is none', async () => {
  assert.is((await ask(root, 'retry')).code, 2);
  assert.match((await ask(root, 'inspect')).error.message, 'Say which job: --job ID.');
  assert.match((await ask(root, 'status', '--nonsense')).error.message, "Unknown option '--nonsense'.");
  const job = await world.addJob();
  for (const [script, ...rest] of [
    ['retry', '--job', job],
    ['sweep', '--older-than', '1h', '--yes'],
  ] as const) {
    const { code, error } = await ask(root, script, ...rest, '--max-fee', '1e3');
    assert.is(code, 2, script);
    assert.match(error.message, '--max-fee must be gwei');
  }
});

test('an address that is none, or whose checksum is wrong', async () => {
  const wrong = world.factory.replace(/[a-f]/, (c) => c.toUpperCase());
  const swapped = wrong === world.factory ? world.factory.replace(/[A-F]/, (c) => c.toLowerCase()) : wrong;
  for (const address of [swapped, '0x1234', 'factory']) {
    const { code, error } = await ask(productOf(world, { env: { ESCROW_FACTORY_ADDRESS: address } }), 'status');
    assert.is(code, 2, address);
    assert.match(error.message, 'ESCROW_FACTORY_ADDRESS is');
  }
  const job = await world.addJob();
  const { code, error } = await ask(
    root,
    'rollback',
    '--job',
    job,
    '--reason',
    'x',
    '--propose',
    'safe',
    '--safe',
    '0xabc',
  );
  assert.is(code, 2);
  assert.match(error.message, '--safe is "0xabc"');
});

test('zero code at the factory, a wrong chain, an RPC that is down', async () => {
  const empty = await ask(productOf(world, { env: { ESCROW_FACTORY_ADDRESS: accountOf(77).address } }), 'status');
  assert.is(empty.code, 2);
  assert.match(empty.error.message, `There is no contract at ${accountOf(77).address} on chain 31337`);
  const chain = await ask(productOf(world, { chain: { chainId: 1 } }), 'status');
  assert.is(chain.code, 4);
  assert.match(chain.error.message, 'is chain 31337, and chain.chainId says 1');
  const down = await ask(
    productOf({ ...world, rpcUrl: 'http://127.0.0.1:1' }, { chain: { timeoutMs: 500 } }),
    'status',
  );
  assert.is(down.code, 1);
  assert.is(down.error.code, 'RPC_UNREACHABLE');
  const missing = await ask(productOf(world, { env: { CHAIN_RPC_URL: '' } }), 'status');
  assert.is(missing.code, 2);
  assert.match(missing.error.message, 'CHAIN_RPC_URL is not set');
  const malformed = await ask(productOf(world, { env: { CHAIN_RPC_URL: `${world.rpcUrl},ftp://x` } }), 'status');
  assert.match(malformed.error.message, 'number 2 is not');
});

test('a database that is down, and names that it does not know', async () => {
  const down = await ask(productOf({ ...world, databaseUrl: 'postgresql://o:pw-secret@127.0.0.1:1/x' }), 'status');
  assert.is(down.code, 1);
  assert.match(down.error.message, 'PostgreSQL at 127.0.0.1:1 cannot be reached');
  const names = await ask(productOf(world, { escrow: { database: { jobs: 'Jobs' } } }), 'status');
  assert.is(names.code, 2);
  assert.is(names.error.code, 'TABLES_DIFFER');
  assert.match(names.error.message, 'relation "Jobs" does not exist');
  assert.match(names.error.hint, 'escrow.database');
});

test('an ABI without rollback, one that is no ABI, and an unknown key in the config', async () => {
  const write = (name: string, content: unknown) => {
    const product = productOf(world, { escrow: { abi: { escrow: name } } });
    writeFileSync(join(product, name), typeof content === 'string' ? content : JSON.stringify(content));
    return product;
  };
  const without = abis.escrow.filter((item) => !('name' in item && item.name === 'rollback'));
  const { code, error } = await ask(write('without.json', { abi: without }), 'status');
  assert.is(code, 2);
  assert.match(error.message, 'The ABI has no function rollback, which escrow.rollback names');
  assert.match(
    (await ask(write('broken.json', '{'), 'status')).error.message,
    'broken.json is no ABI (it is not JSON)',
  );
  assert.match((await ask(write('object.json', { no: 1 }), 'status')).error.message, 'has no "abi"');
  const key = await ask(productOf(world, { escrow: { tables: {} } }), 'status');
  assert.is(key.code, 2);
  assert.match(key.error.message, 'escrow.tables is not a known key');
});

test('nothing to resume is told, and the keystore’s password is in no output', async () => {
  const { code, error } = await ask(root, 'sweep', '--env', 'staging', '--resume');
  assert.is(code, 2);
  assert.match(error.message, 'No run of escrow:sweep on staging is unfinished');
  const job = await world.addJob();
  const { stdout, stderr } = await run(root, 'retry', '--job', job);
  assert.not.match(stdout + stderr, 'throw-away-keystore-password');
});

test.run();
