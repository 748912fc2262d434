// Uses PostgreSQL and anvil.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { sealKeystore } from '@drydock/escrow';
import { type OpsError, Secret } from '@drydock/kit';
import { bareEnvironment, THOROUGH } from '@drydock/kit/testing';
import { startTestAnvil, startTestPostgres, type TestPostgres } from '@drydock/sandbox/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Abi, type Address, type Hex, zeroHash } from 'viem';
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts';
import { isUnknown } from '../../src/unknown.ts';
import type { Values } from '../../src/values.ts';
import { held, rotate } from '../drive.ts';
import { benchOnChain, connect, firstContracts, newContracts, type OnChain, ROLES } from './world.ts';

const test = suite('escrow-admin');
let postgres: TestPostgres;
let anvil: Awaited<ReturnType<typeof startTestAnvil>>;
let databaseUrl: string;
let chain: ReturnType<typeof connect>;
test.before(async () => {
  [postgres, anvil] = await Promise.all([startTestPostgres(), startTestAnvil()]);
  databaseUrl = await postgres.createDatabase();
  chain = connect(anvil.rpcUrl);
});
test.after(async () => void (await Promise.all([postgres.stop(), anvil.stop()])));

const PHASES = ['proof', 'validate', 'stragglers', 'retire', 'add'] as const;
const addressOf = (key: Hex) => privateKeyToAccount(key).address;
const keyIn = (values: Values) => values.ESCROW_ADMIN_KEY?.reveal() as Hex;

async function newWorld(more: Partial<OnChain> = {}): Promise<OnChain> {
  const { rpcUrl } = anvil;
  return { rpcUrl, databaseUrl, ...(await newContracts(rpcUrl, generatePrivateKey())), secret: { fund: '1' }, ...more };
}

const has = (contract: string, role: Hex, account: Address) =>
  chain.readContract({ address: contract as Address, abi: ROLES, functionName: 'hasRole', args: [role, account] });

async function rolesOf({ factory, certificate }: OnChain, account: Address): Promise<number> {
  const operator = await chain.readContract({ address: factory as Address, abi: ROLES, functionName: 'OPERATOR_ROLE' });
  const found = await Promise.all([
    has(factory, zeroHash, account),
    has(factory, operator, account),
    has(certificate, zeroHash, account),
  ]);
  return found.filter(Boolean).length;
}

const send = async (key: Hex, contract: string, functionName: string, args: unknown[] = []) =>
  chain.waitForTransactionReceipt({
    hash: await chain.writeContract({
      ...{ address: contract as Address, abi: ROLES as Abi, functionName, args },
      ...{ account: privateKeyToAccount(key), chain: null },
    } as Parameters<typeof chain.writeContract>[0]),
  });
/** A block that is later than the one of now. */
const later = async (seconds = 1) => {
  await chain.increaseTime({ seconds });
  await chain.mine({ blocks: 1 });
};

const refusal = (work: Promise<unknown>) =>
  work.then(
    () => undefined,
    (error: OpsError) => error,
  );

test('the roles go over to a new key, simulated from it and from a stranger, and the old one has none left', async () => {
  const world = await newWorld();
  const bench = await benchOnChain(world);
  const before = addressOf(world.key);
  const sent = await chain.getTransactionCount({ address: before });
  const { next, says, proof } = await rotate(bench);
  const after = addressOf(keyIn(next));
  assert.match(says, /createEscrow.*mint/);
  assert.is(proof?.verdict, 'dead');
  assert.equal([await rolesOf(world, before), await rolesOf(world, after)], [0, 3]);
  assert.ok((await chain.getBalance({ address: after })) > 10n ** 17n);
  // Three roles, two promises and the ether, although each function ran twice; the new key accepted and revoked.
  assert.is((await chain.getTransactionCount({ address: before })) - sent, 6);
  assert.is(await chain.getTransactionCount({ address: after }), 5);
  assert.is(bench.values.ESCROW_ADMIN_KEY?.reveal(), keyIn(next));
});

test('killed before and after each transaction, called again: none is sent twice, all are there', async () => {
  const world = await newWorld();
  const { old, next } = await rotate(await benchOnChain(world), { until: 'make' });
  const [before, after] = [addressOf(world.key), addressOf(keyIn(next))];
  const sent = await chain.getTransactionCount({ address: before });
  const clear = (values: Values) =>
    Object.fromEntries(Object.entries(values).map(([name, value]) => [name, value?.reveal() ?? null]));
  /** Runs the phase behind an RPC that kills it at its first transaction: before the chain has it, or after. */
  const killedAt = async (phase: 'add' | 'retire', when: 'before' | 'after') => {
    let kill = () => {};
    const rpc = createServer((request, response) => {
      void (async () => {
        const body = await text(request);
        const sends = body.includes('eth_sendRawTransaction');
        if (sends && when === 'before') return kill();
        const answer = await fetch(anvil.rpcUrl, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body,
        });
        const said = await answer.text();
        if (sends) return kill();
        response.end(said);
      })();
    });
    await new Promise<void>((done) => rpc.listen(0, '127.0.0.1', done));
    const child = spawn(process.execPath, [join(import.meta.dirname, '../fixtures/escrow-phase.ts')], {
      env: bareEnvironment(),
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    kill = () => void child.kill('SIGKILL');
    const rpcUrl = `http://127.0.0.1:${(rpc.address() as AddressInfo).port}`;
    child.stdin.end(JSON.stringify({ rpcUrl, world, old: clear(old), next: clear(next), phase }));
    const [said, [, signal]] = await Promise.all([text(child.stdout), once(child, 'exit')]);
    rpc.closeAllConnections();
    rpc.close();
    return signal === 'SIGKILL' ? 'killed' : said.trim();
  };
  const rounds = { add: 0, retire: 0 };
  for (const phase of ['add', 'retire'] as const) {
    // Killed before, the next run hands over the same transaction and is killed after: both seams of each one.
    for (let round = 0; round < (THOROUGH ? 20 : 2); round++) {
      if ((await killedAt(phase, round % 2 === 0 ? 'before' : 'after')) !== 'killed') break;
      rounds[phase]++;
    }
    await (await (await benchOnChain(world)).rotator())[phase](old, next);
  }
  assert.ok(
    THOROUGH ? rounds.add >= 6 && rounds.retire >= 5 : rounds.add === 2 && rounds.retire === 2,
    JSON.stringify(rounds),
  );
  assert.equal([await rolesOf(world, before), await rolesOf(world, after)], [0, 3]);
  assert.is((await chain.getTransactionCount({ address: before })) - sent, 6);
  assert.is(await chain.getTransactionCount({ address: after }), 5);
  assert.is((await (await (await benchOnChain(world)).rotator()).proof(old, next)).verdict, 'dead');
});

test('one that is given up has no role and no ether left, and the old one has all of its own', async () => {
  const world = await newWorld();
  const bench = await benchOnChain(world);
  const { old, next } = await rotate(bench, { until: 'validate' });
  const after = addressOf(keyIn(next));
  for (let times = 0; times < 2; times++) await (await bench.rotator()).withdraw(old, next);
  assert.equal([await rolesOf(world, after), await rolesOf(world, addressOf(world.key))], [0, 3]);
  assert.ok((await chain.getBalance({ address: after })) < 10n ** 16n);
  await (await bench.rotator()).withdraw(old, {});
});

test('whose admin is a multisig waits for it, and names the call; when it was made, the rotation goes on', async () => {
  const safe = generatePrivateKey();
  const world = await newWorld();
  await chain.setBalance({ address: addressOf(safe), value: 10n ** 20n });
  for (const contract of [world.factory, world.certificate]) {
    await send(world.key, contract, 'beginDefaultAdminTransfer', [addressOf(safe)]);
    await later(2);
    await send(safe, contract, 'acceptDefaultAdminTransfer');
  }
  const bench = await benchOnChain(world);
  const old = held(bench, ['ESCROW_ADMIN_KEY', 'ESCROW_KEYSTORE']);
  await (await bench.rotator()).refuse(old);
  assert.match(bench.said.join(), 'No key at hand may grant PAUSER_ROLE');
  const next = await (await bench.rotator()).make(old);
  const after = addressOf(keyIn(next));
  for (let calls = 0; ; calls++) {
    const waits = await refusal((await bench.rotator()).add(old, next));
    if (!waits) break;
    assert.ok(calls < 3, waits.message);
    assert.equal([waits.code, waits.exit], ['PAUSED', 3]);
    const [, to, data] = /to (0x\w+), value 0, data (0x\w+)/.exec(String(waits.hint)) ?? [];
    const call = { to: to as Address, data: data as Hex, account: privateKeyToAccount(safe), chain: null };
    await chain.waitForTransactionReceipt({ hash: await chain.sendTransaction(call) });
  }
  assert.match(await (await bench.rotator()).validate(old, next), 'createEscrow');
  const ends = await refusal((await bench.rotator()).retire(old, next));
  assert.match(ends?.message ?? '', `may revoke PAUSER_ROLE of ${world.factory}`);
  assert.is(await rolesOf(world, after), 1);
});

test('the admin role goes over once the delay of the contract is over: until then the rotation waits, and the old one is the admin', async () => {
  const world = await newWorld(await newContracts(anvil.rpcUrl, generatePrivateKey(), 3_600));
  const bench = await benchOnChain(world);
  const { old, next } = await rotate(bench, { until: 'promote' });
  const [before, after] = [addressOf(world.key), addressOf(keyIn(next))];
  assert.equal([await rolesOf(world, before), await rolesOf(world, after)], [3, 1]);
  const waits = await refusal((await bench.rotator()).retire(old, next));
  assert.equal([waits?.code, waits?.exit], ['PAUSED', 3]);
  assert.match(waits?.message ?? '', `DEFAULT_ADMIN_ROLE of ${world.factory} goes over to ${after} from 20`);
  assert.equal([await rolesOf(world, before), await rolesOf(world, after)], [3, 1], 'nothing was taken away yet');
  await later(3_602);
  await (await bench.rotator()).retire(old, next);
  assert.equal([await rolesOf(world, before), await rolesOf(world, after)], [0, 3]);
  assert.is((await (await bench.rotator()).proof(old, next)).verdict, 'dead');
});

test('a hand-over that somebody cancelled is not gone on with: the last admin stays', async () => {
  const world = await newWorld();
  const bench = await benchOnChain(world);
  const { old, next } = await rotate(bench, { until: 'promote' });
  await send(world.key, world.factory, 'cancelDefaultAdminTransfer');
  assert.is((await refusal((await bench.rotator()).validate(old, next)))?.code, 'ROLE_MISSING_ON_CHAIN');
  const refused = await refusal((await bench.rotator()).retire(old, next));
  assert.equal([refused?.code, refused?.exit], ['LAST_OF_ITS_ROLE', 4]);
  // Begun anew, by the same functions.
  await (await bench.rotator()).add(old, next);
  await (await bench.rotator()).retire(old, next);
  assert.equal([await rolesOf(world, addressOf(world.key)), await rolesOf(world, addressOf(keyIn(next)))], [0, 3]);
});

test('contracts of before, whose admins are granted and revoked, are handed over as ever', async () => {
  const world = await newWorld(await firstContracts(anvil.rpcUrl, generatePrivateKey()));
  const sent = await chain.getTransactionCount({ address: addressOf(world.key) });
  const bench = await benchOnChain(world);
  const { next, proof } = await rotate(bench);
  const [before, after] = [addressOf(world.key), addressOf(keyIn(next))];
  assert.is(proof?.verdict, 'dead');
  assert.equal([await rolesOf(world, before), await rolesOf(world, after)], [0, 3]);
  assert.is((await chain.getTransactionCount({ address: before })) - sent, 5);
  assert.is(await chain.getTransactionCount({ address: after }), 4);
});

test('nothing is taken from the old one that the new one has not: the last of a role stays', async () => {
  const world = await newWorld();
  const bench = await benchOnChain(world);
  const { old, next } = await rotate(bench, { until: 'promote' });
  const after = addressOf(keyIn(next));
  const operator = await chain.readContract({
    address: world.factory as Address,
    abi: ROLES,
    functionName: 'OPERATOR_ROLE',
  });
  await send(world.key, world.factory, 'revokeRole', [operator, after]);
  assert.is((await refusal((await bench.rotator()).validate(old, next)))?.code, 'ROLE_MISSING_ON_CHAIN');
  const refused = await refusal((await bench.rotator()).retire(old, next));
  assert.equal([refused?.code, refused?.exit], ['LAST_OF_ITS_ROLE', 4]);
  assert.is(await rolesOf(world, addressOf(world.key)), 3);
  assert.is((await (await bench.rotator()).proof(old, next)).verdict, 'alive');
});

test('a transaction of the old one that waits is told by its nonce, until it is mined', async () => {
  const world = await newWorld();
  const bench = await benchOnChain(world);
  const { old, next } = await rotate(bench, { until: 'promote' });
  const stragglers = async () => (await bench.rotator()).stragglers(old, next);
  assert.equal(await stragglers(), []);
  await chain.setAutomine(false);
  try {
    const account = privateKeyToAccount(world.key);
    await chain.sendTransaction({ account, to: account.address, value: 1n, chain: null });
    const [one] = await stragglers();
    assert.equal(
      [one?.who, one?.pid],
      [account.address, `nonce ${(await chain.getTransactionCount(account)) as number}`],
    );
    await chain.mine({ blocks: 1 });
    assert.equal(await stragglers(), []);
  } finally {
    await chain.setAutomine(true);
  }
});

test('what the chain does not answer is unknown; what is no key, has no role or proves nothing is refused', async () => {
  const world = await newWorld();
  const bench = await benchOnChain(world);
  const { old, next } = await rotate(bench, { until: 'make' });
  const away = await benchOnChain({ ...world, rpcUrl: 'http://127.0.0.1:9' });
  for (const phase of THOROUGH ? PHASES : (['proof', 'retire'] as const))
    assert.ok(isUnknown(await refusal((await away.rotator())[phase](old, next))), phase);
  const asked = async (change: Partial<OnChain>) => {
    const one = await benchOnChain({ ...world, ...change });
    return (await refusal((await one.rotator()).refuse(held(one, ['ESCROW_ADMIN_KEY']))))?.code;
  };
  assert.is(await asked({ key: generatePrivateKey() }), 'KEY_WITHOUT_ROLES');
  assert.is(await asked({ key: '0x12' }), 'KEY_MALFORMED');
  const open = [
    {
      address: 'ESCROW_FACTORY_ADDRESS',
      roles: ['OPERATOR_ROLE'],
      probes: [{ role: 'OPERATOR_ROLE', function: 'paused()' }],
    },
  ];
  const useless = await benchOnChain({ ...world, secret: { contracts: open, fund: '1' } });
  const proves = await rotate(useless, { until: 'validate' }).then(undefined, (error: OpsError) => error);
  assert.is((proves as OpsError).code, 'PROBE_PROVES_NOTHING');
});

test('an address without ether could sign nothing that is mined, and is told', async () => {
  const bench = await benchOnChain(await newWorld({ secret: {} }));
  const told = await refusal(rotate(bench, { until: 'validate' }));
  assert.is(told?.code, 'NEW_KEY_WITHOUT_ETHER');
});

test("an operator's keystore with the same key gets a successor beside it, one with another key is left alone", async () => {
  const world = await newWorld({
    env: { ESCROW_KEYSTORE: 'keys/ops.json', ESCROW_KEYSTORE_PASSWORD: 'a-password-of-the-test' },
  });
  const bench = await benchOnChain(world);
  const write = async (key: Hex) => {
    mkdirSync(bench.config.path('keys'), { recursive: true });
    writeFileSync(bench.config.path('keys/ops.json'), await sealKeystore(key, 'a-password-of-the-test', 4_096));
  };
  await write(generatePrivateKey());
  const apart = await rotate(bench, { until: 'make' }).catch((error) => error);
  assert.is((apart.next as Values).ESCROW_KEYSTORE?.reveal(), 'keys/ops.json');
  await write(world.key);
  const old = held(bench, ['ESCROW_ADMIN_KEY', 'ESCROW_KEYSTORE']);
  const next = await (await bench.rotator()).make(old);
  const path = next.ESCROW_KEYSTORE?.reveal() ?? '';
  assert.match(path, /^keys\/ops\.g1-\w{6}\.json$/);
  await (await bench.rotator()).add(old, next);
  const written = readFileSync(bench.config.path(path), 'utf8');
  assert.match(written, '"version":3');
  await bench.put((await bench.rotator()).promoted(old, next));
  assert.is(bench.values.ESCROW_KEYSTORE?.reveal(), path);
  // Its name does not grow from one rotation to the next.
  const again = await (await bench.rotator()).make(held(bench, ['ESCROW_ADMIN_KEY', 'ESCROW_KEYSTORE']));
  assert.match(again.ESCROW_KEYSTORE?.reveal() ?? '', /^keys\/ops\.g1-\w{6}\.json$/);
  await (await bench.rotator()).withdraw(old, { ...next, ESCROW_ADMIN_KEY: new Secret(generatePrivateKey()) });
  assert.not.ok(existsSync(bench.config.path(path)));
});

test.run();
