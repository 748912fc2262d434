// Uses anvil: what the contracts lack of what the tasks need, told with and without a chain; neither key nor database is set.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeStrangeProduct, runTaskForTest } from '@drydock/kit/testing';
import { startTestAnvil } from '@drydock/sandbox/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type AbiItem, type Address, getAddress } from 'viem';
import checkConfigTask from '../scripts/check-config.ts';
import { requiredOf } from '../src/check/required.ts';
import { escrowSection } from '../src/config/escrow.ts';
import { deployContracts } from '../src/contracts/deploy.ts';
import { deployFirst } from './first.ts';
import { abis, accountOf, admin, connect, keyOf, QUICK } from './world.ts';

const test = suite('escrow:check-config');
let anvil: Awaited<ReturnType<typeof startTestAnvil>>;
let factory: Address;
let chain: ReturnType<typeof connect>;
test.before(async () => {
  anvil = await startTestAnvil();
  chain = connect(anvil.rpcUrl);
  const deployment = { rpcUrl: anvil.rpcUrl, adminKey: keyOf(1), salt: 'test', adminDelayS: 0 };
  factory = (await deployContracts(deployment)).escrowFactory;
});
test.after(() => anvil.stop());

interface Changed {
  escrow?: object;
  env?: Record<string, string>;
  factory?(abi: AbiItem[]): AbiItem[];
  ofEscrow?(abi: AbiItem[]): AbiItem[];
  args?: string[];
}

/** The reference product's ABIs, each changed as a stranger's may be. */
async function check({
  escrow = {},
  env = {},
  factory: of = (abi) => abi,
  ofEscrow = (abi) => abi,
  args = [],
}: Changed) {
  const root = makeStrangeProduct(
    { chain: QUICK, escrow: { ...escrow, abi: { factory: 'abi/factory.json', escrow: 'abi/escrow.json' } } },
    env,
  );
  mkdirSync(join(root, 'abi'));
  writeFileSync(join(root, 'abi/factory.json'), JSON.stringify(of(abis.factory as AbiItem[])));
  writeFileSync(join(root, 'abi/escrow.json'), JSON.stringify(ofEscrow(abis.escrow as AbiItem[])));
  const { outcome, error } = await runTaskForTest(checkConfigTask, root, ['--env', 'staging', ...args]);
  if (error) throw error;
  const said = (outcome?.findings ?? []).map(({ level, code, message }) => `${level} ${code} ${message}`);
  return {
    ok: outcome?.ok,
    verdict: outcome?.verdict ?? '',
    said,
    wrong: said.filter((one) => one.startsWith('error')),
  };
}
const without = (name: string) => (abi: AbiItem[]) => abi.filter((item) => !('name' in item) || item.name !== name);
const changed = (name: string, change: object) => (abi: AbiItem[]) =>
  abi.map((item) => ('name' in item && item.name === name ? ({ ...item, ...change } as AbiItem) : item));
const onChain = () => ({ CHAIN_RPC_URL: anvil.rpcUrl, ESCROW_FACTORY_ADDRESS: factory });
const CHAIN_AWAY =
  'info CHAIN_NOT_ASKED The chain was not asked (CHAIN_RPC_URL and ESCROW_FACTORY_ADDRESS are not set for staging): whether there is code, and whether each call is answered, was not looked at.';

test('without a chain the ABIs are looked at, and it is said that the chain was not', async () => {
  const { ok, verdict, said } = await check({});
  assert.is(ok, true);
  assert.is(verdict, 'The config fits the contracts: 15 functions and events of the ABIs; the chain was not asked.');
  assert.equal(said, [CHAIN_AWAY]);
  assert.match(
    (await check({ args: ['--offline'], env: onChain() })).said.join(),
    'The chain was not asked (--offline)',
  );
});

test('what is lacking is named with the key that names it, and what is there instead', async () => {
  const told: [Changed, string][] = [
    [
      { ofEscrow: without('rollback') },
      'error ABI_LACKS The ABI of the escrow has no function rollback, which escrow.rollback names: gives back what is unreleased.',
    ],
    [
      { factory: without('EscrowCreated') },
      'error ABI_LACKS The ABI of the factory has no event EscrowCreated, which escrow.created names: finds the transaction that made an escrow, and escrows without a job.',
    ],
    [
      { escrow: { create: { function: 'createEscrow', args: ['jobId', 'client'] } } },
      'error ABI_ARGUMENTS createEscrow of the factory takes (string, address, address, uint256[]), and escrow.create gives it (a string, a uint or bytes32, an address).',
    ],
    [
      { ofEscrow: changed('rollback', { inputs: [{ type: 'address', name: 'to' }] }) },
      'error ABI_ARGUMENTS rollback of the escrow takes (address), and escrow.rollback gives it nothing.',
    ],
    [
      { escrow: { rollback: { function: 'rollback', args: ['client'] } } },
      'error ARGUMENT_NOT_KNOWN escrow.rollback gives rollback client, which is not known where it is called.',
    ],
    [
      { escrow: { reads: { rolledBack: { function: 'unreleased' } } } },
      'error ABI_RETURNS unreleased of the escrow answers with (uint256), and escrow.reads.rolledBack wants a bool.',
    ],
    [
      { ofEscrow: changed('unreleased', { outputs: [{ type: 'uint256' }, { type: 'uint256' }] }) },
      'error ABI_RETURNS unreleased of the escrow answers with (uint256, uint256), and escrow.reads.unreleased wants a uint.',
    ],
    [
      { escrow: { created: { event: 'EscrowCreated', jobId: 'job', escrow: 'escrow' } } },
      'error ABI_PARAMETER The event EscrowCreated of the factory has (bytes32 jobKey, address escrow, address client, address freelancer, uint256 total, string jobId), and escrow.created wants a string, a uint or bytes32 called job.',
    ],
    [
      {
        factory: changed('EscrowCreated', {
          inputs: [
            { type: 'address', name: 'escrow' },
            { type: 'string', name: 'jobId', indexed: true },
          ],
        }),
      },
      'error ABI_PARAMETER jobId of the event EscrowCreated is indexed, and an indexed string is on the chain as its hash alone.',
    ],
    [
      { ofEscrow: changed('MilestoneReleased', { inputs: [{ type: 'address', name: 'to' }] }) },
      'error ABI_PARAMETER The first parameter of the event MilestoneReleased of the escrow is address, and escrow.reads.releasedEvent wants a uint.',
    ],
  ];
  for (const [change, sentence] of told) {
    const { ok, verdict, wrong } = await check(change);
    assert.equal([ok, wrong], [false, [sentence]], sentence);
    assert.match(verdict, /^1 of what the tasks need is not there; looked at: \d+ functions and events of the ABIs\.$/);
  }
});

test('what a contract may do without is told as that', async () => {
  const bare = await check({
    factory: (abi) => without('hasRole')(without('OPERATOR_ROLE')(abi)),
    ofEscrow: without('client'),
  });
  assert.is(bare.ok, true);
  assert.equal(bare.said.slice(0, 3), [
    'info ABI_LACKS The ABI of the factory has no function OPERATOR_ROLE: not done without it: who may is told before anything is sent.',
    'info ABI_LACKS The ABI of the factory has no function hasRole: not done without it: who may is told before anything is sent.',
    'info ABI_LACKS The ABI of the escrow has no function client: not done without it: compared before a job is told of its escrow.',
  ]);
});

test('with a chain each view is asked, of the factory and of the newest escrow, and the address rule is held against it', async () => {
  assert.match((await check({ env: onChain() })).said.join(), 'has made no escrow yet');
  const args = ['job-1', accountOf(2).address, accountOf(3).address, [5n]];
  const call = { address: factory, abi: abis.factory, functionName: 'createEscrow', args, value: 5n };
  await chain.waitForTransactionReceipt({
    hash: await chain.writeContract({ ...call, account: admin, chain: null } as never),
  });
  const { ok, verdict, said } = await check({ env: onChain() });
  assert.equal([ok, said], [true, []]);
  assert.match(
    verdict,
    'The config fits the contracts: 15 functions and events of the ABIs, 10 of them answered by the contracts of staging.',
  );
  assert.equal((await check({ env: onChain(), args: ['--job', 'job-1'] })).said, []);
  const other = await check({ env: onChain(), args: ['--job', 'job-2'] });
  assert.match(other.said.join(), /^error ESCROW_NOT_ASKED Job job-2 has no escrow/);
  assert.is(other.ok, false, 'what was named was not looked at');
  const [rule] = (
    await check({ env: onChain(), escrow: { address: { kind: 'create2', initCodeHash: `0x${'1'.repeat(64)}` } } })
  ).wrong;
  assert.match(
    rule ?? '',
    /^error ADDRESS_RULE The escrow of job job-1 is at 0x\w{40}, and by escrow\.salt and escrow\.address it would be at 0x\w{40}\.$/,
  );
});

test('a factory that is not the one of the ABI is told call by call, and one that is not there at once', async () => {
  const first = await deployFirst(chain);
  assert.is(
    (await check({ env: { ...onChain(), ESCROW_FACTORY_ADDRESS: first } })).ok,
    true,
    'that of before has all that is asked',
  );
  const { wrong } = await check({
    env: { ...onChain(), ESCROW_FACTORY_ADDRESS: first },
    escrow: { roles: { create: 'PAUSER_ROLE' } },
  });
  assert.equal(wrong, [
    `error NO_ANSWER The factory at ${getAddress(first)} does not answer PAUSER_ROLE, which escrow.roles.create names: it reverts.`,
  ]);
  await check({ env: { ...onChain(), ESCROW_FACTORY_ADDRESS: accountOf(50).address } }).then(
    () => assert.unreachable('nothing stands there'),
    ({ code, exit }) => assert.equal([code, exit], ['FACTORY_MISSING', 2]),
  );
});

test('the table of docs/ESCROW_CONTRACTS.md has a line for each of them, and no other', () => {
  const usual = requiredOf(escrowSection.schema.parse({}));
  const asked = requiredOf(escrowSection.schema.parse({ address: { kind: 'function', function: 'where' } }));
  const keys = [...new Set([...usual, ...asked].map(({ contract, key }) => `${key} ${contract}`))].sort();
  const text = readFileSync(join(import.meta.dirname, '../../../docs/ESCROW_CONTRACTS.md'), 'utf8');
  const lines = [...text.matchAll(/^\| `(escrow\.[\w.]+)` +\| (factory|escrow) +\|/gm)].map(
    ([, key, of]) => `${key} ${of}`,
  );
  assert.equal(lines.sort(), keys);
});

test.run();
