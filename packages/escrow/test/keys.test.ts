// Uses PostgreSQL, anvil, and a KMS that this test is: it speaks the protocol of AWS, and signs with a key of its own.
import { writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { registerHooks } from 'node:module';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { loadConfig, loadEnvironment, type OpsError } from '@drydock/kit';
import { runTaskForTest } from '@drydock/kit/testing';
import { getPublicKey, sign } from 'ox/Secp256k1';
import { toDerBytes } from 'ox/Signature';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Hex, recoverTransactionAddress, type TransactionSerialized } from 'viem';
import retryTask from '../scripts/retry.ts';
import { loadAccount } from '../src/keys/account.ts';
import { ask } from './process.ts';
import { admin, keyOf, keystoreOf, productOf, startWorld, type World } from './world.ts';

const test = suite('keys');
let world: World;
let kms: Awaited<ReturnType<typeof startKms>>;
test.before(async () => {
  world = await startWorld();
  kms = await startKms(keyOf(1));
});
test.after(async () => {
  await world.stop();
  await new Promise((done) => kms.server.close(done));
});

const ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;

/** GetPublicKey and Sign, as AWS KMS answers them; every second signature has the high s, as KMS may give it. */
async function startKms(privateKey: Hex) {
  const state = { asked: [] as string[], keySpec: 'ECC_SECG_P256K1', fail: '' };
  const server: Server = createServer((request, response) => void serve(request, response));
  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await text(request);
    const { Message = '' } = JSON.parse(body) as { Message?: string };
    const operation = String(request.headers['x-amz-target']).split('.')[1] ?? '';
    state.asked.push(operation);
    response.setHeader('content-type', 'application/x-amz-json-1.1');
    if (state.fail) return void response.writeHead(400).end(JSON.stringify({ __type: state.fail, message: 'no' }));
    response.end(
      JSON.stringify(operation === 'Sign' ? signed(Message) : { KeySpec: state.keySpec, PublicKey: spki() }),
    );
  }
  function spki(): string {
    const { x, y } = getPublicKey({ privateKey });
    const point = `04${x.toString(16).padStart(64, '0')}${(y ?? 0n).toString(16).padStart(64, '0')}`;
    // SubjectPublicKeyInfo of an uncompressed secp256k1 point (RFC 5480).
    return Buffer.from(`3056301006072a8648ce3d020106052b8104000a034200${point}`, 'hex').toString('base64');
  }
  function signed(message: string) {
    const { r, s } = sign({ payload: `0x${Buffer.from(message, 'base64').toString('hex')}`, privateKey });
    const high = state.asked.length % 2 === 0;
    const words = toDerBytes({ r, s: high ? ORDER - s : s });
    return { Signature: Buffer.from(words).toString('base64') };
  }
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return Object.assign(state, { server, url: `http://127.0.0.1:${(server.address() as { port: number }).port}` });
}

const AWS = {
  AWS_REGION: 'eu-central-1',
  AWS_ACCESS_KEY_ID: 'AKIATEST',
  AWS_SECRET_ACCESS_KEY: 'a-secret-access-key',
  ESCROW_KMS_KEY_ID: 'alias/escrow',
};
const kmsProduct = () =>
  productOf(world, { escrow: { key: { staging: { kind: 'kms' } } }, env: { ...AWS, AWS_ENDPOINT_URL_KMS: kms.url } });

async function accountIn(root: string) {
  const config = await loadConfig(undefined, root);
  return loadAccount(config, loadEnvironment(config, 'staging', {}));
}

test('without the package for KMS a key that lies there is refused in one sentence', async () => {
  const hooks = registerHooks({
    resolve(specifier, context, next) {
      if (specifier !== '@aws-sdk/client-kms') return next(specifier, context);
      throw Object.assign(new Error(`Cannot find package '${specifier}'`), { code: 'ERR_MODULE_NOT_FOUND' });
    },
  });
  try {
    const error = (await accountIn(kmsProduct()).catch((thrown: unknown) => thrown)) as OpsError;
    assert.equal([error.code, error.exit], ['PACKAGE_MISSING', 2]);
    assert.match(error.message, 'needs the package @aws-sdk/client-kms, which is not installed here');
  } finally {
    hooks.deregister();
  }
});

test('a keystore that does not open is one sentence, and says nothing of the key', async () => {
  const job = await world.addJob();
  const retry = async (change: (root: string) => void, env = {}) => {
    const root = productOf(world, { env });
    change(root);
    return ask(root, 'retry', '--job', job);
  };
  const wrong = await retry(() => {}, { ESCROW_KEYSTORE_PASSWORD: 'another-password' });
  assert.is(wrong.code, 2);
  assert.is(wrong.error.code, 'KEYSTORE_LOCKED');
  assert.match(wrong.error.hint, 'ESCROW_KEYSTORE_PASSWORD');
  assert.not.match(JSON.stringify(wrong), 'another-password');
  const write = (text: string) => (root: string) => writeFileSync(join(root, 'keystore.json'), text);
  for (const [text, why] of [
    ['{}', 'its version is not given'],
    ['no json', 'it cannot be read as JSON'],
    [keystoreOf(keyOf(1)).replace('aes-128-ctr', 'aes-256-gcm'), 'its cipher is aes-256-gcm'],
  ] as const) {
    const { code, error } = await retry(write(text));
    assert.is(code, 2);
    assert.match(error.message, why);
  }
  assert.match((await retry(() => {}, { ESCROW_KEYSTORE: 'nowhere.json' })).error.message, 'there is no such file');
});

test('a private key in a variable is for development alone', async () => {
  const key = { kind: 'env', variable: 'ESCROW_ADMIN_KEY' };
  const root = productOf(world, { escrow: { key: { staging: key } }, env: { ESCROW_ADMIN_KEY: keyOf(1) } });
  const { code, error } = await ask(root, 'retry', '--job', await world.addJob());
  assert.is(code, 4);
  assert.is(error.code, 'KEY_IN_VARIABLE');
  const config = await loadConfig(undefined, root);
  const development = loadEnvironment(config, 'development', { ESCROW_ADMIN_KEY: keyOf(1) });
  assert.is((await loadAccount(config, development)).address, admin.address);
  const malformed = loadEnvironment(config, 'development', { ESCROW_ADMIN_KEY: '0x1234-not-a-key' });
  const refusal = await loadAccount(config, malformed).catch((error: Error) => error);
  assert.is((refusal as { code?: string }).code, 'KEY_MALFORMED');
  assert.not.match((refusal as Error).message, '0x1234');
});

test('KMS signs what only its address can have signed, with either s', async () => {
  const account = await accountIn(kmsProduct());
  assert.is(account.address, admin.address);
  for (let nonce = 0; nonce < 6; nonce++) {
    const serializedTransaction = (await account.signTransaction({
      type: 'eip1559',
      chainId: 31_337,
      nonce,
      gas: 21_000n,
      maxFeePerGas: 9n,
      maxPriorityFeePerGas: 1n,
      to: admin.address,
    })) as TransactionSerialized;
    assert.is(await recoverTransactionAddress({ serializedTransaction }), admin.address);
  }
});

test('a retry whose key never leaves KMS', async () => {
  const job = await world.addJob();
  kms.asked = [];
  const { error } = await runTaskForTest(retryTask, kmsProduct(), ['--env', 'staging', '--job', job]);
  assert.is(error, undefined);
  assert.is(await world.chain.getBalance({ address: world.escrowOf(job) }), 350n);
  assert.is(kms.asked.filter((operation) => operation === 'Sign').length, 1);
});

test('KMS that refuses, and a key of another kind, are told with the variable and not the secret', async () => {
  kms.fail = 'AccessDeniedException';
  const denied = await accountIn(kmsProduct()).catch((error: Error) => error);
  kms.fail = '';
  assert.match(
    (denied as Error).message,
    /The KMS key of ESCROW_KMS_KEY_ID does not give its public key \(AccessDeniedException/,
  );
  kms.keySpec = 'ECC_NIST_P256';
  const other = await accountIn(kmsProduct()).catch((error: Error) => error);
  kms.keySpec = 'ECC_SECG_P256K1';
  assert.match((other as Error).message, 'its kind is ECC_NIST_P256, not ECC_SECG_P256K1');
});

test.run();
