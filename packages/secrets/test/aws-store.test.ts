// Uses no service: an HTTP server of its own speaks as AWS does.
import { loadConfig, loadEnvironment, type OpsError, Secret } from '@drydock/kit';
import { makeStrangeProduct, whenThorough } from '@drydock/kit/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { storesOf } from '../src/store/stores.ts';
import type { SecretStore } from '../src/store/types.ts';
import { teamOf } from '../src/team/team.ts';
import { AwsStandIn } from './aws-stand-in.ts';

const test = suite('AWS Secrets Manager as a store');
const running: AwsStandIn[] = [];
test.after(() => {
  for (const one of running) one.stop();
});

const KEYS = { AWS_ACCESS_KEY_ID: 'AKIDEXAMPLE', AWS_SECRET_ACCESS_KEY: 'wJalrXUtnFEMI-K7MDENG+bPxRfiCYEXAMPLEKEY' };

interface World {
  aws: AwsStandIn;
  /** As another process opens it. */
  open(signal?: AbortSignal, env?: object): SecretStore;
}

async function world(initial: object | string | undefined, endpoint?: string): Promise<World> {
  const aws = new AwsStandIn(initial, 'shop/staging');
  running.push(aws);
  const stores = {
    aws: { kind: 'aws', secretId: 'shop/{env}', region: 'eu-west-1', endpoint: endpoint ?? (await aws.start()) },
  };
  const config = await loadConfig(undefined, makeStrangeProduct({ secrets: { stores } }));
  return {
    aws,
    open: (signal = new AbortController().signal, env = KEYS) => {
      const environment = loadEnvironment(config, 'staging', { ...env });
      return storesOf({ config, environment, signal, team: teamOf(config, environment) }, ['aws'])[0] as SecretStore;
    },
  };
}
async function refusal(work: () => unknown): Promise<OpsError> {
  try {
    await work();
  } catch (error) {
    return error as OpsError;
  }
  throw new Error('it was not refused');
}
const held = async (store: SecretStore, name: string) => (await store.read([name]))[name]?.reveal() ?? null;
const current = (aws: AwsStandIn) => JSON.parse(aws.labelled('AWSCURRENT')?.[1].value ?? '');

test('a change is put as pending, read back, made current in the place of the very version that was read; the one before is AWSPREVIOUS', async () => {
  const { aws, open } = await world({ API_KEY: 'old', OTHER: 'stays', NUMBER: 7 });
  const store = open();
  await store.refuse(['API_KEY']);
  assert.equal(
    [await held(store, 'API_KEY'), await held(store, 'NUMBER'), await held(store, 'NONE')],
    ['old', '7', null],
  );
  aws.calls.length = 0;
  await store.write({ API_KEY: new Secret('new'), GONE: null });
  assert.equal(aws.calls, [
    'GetSecretValue',
    'DescribeSecret',
    'PutSecretValue',
    'GetSecretValue',
    'UpdateSecretVersionStage',
    'DescribeSecret',
    'UpdateSecretVersionStage',
  ]);
  assert.equal(current(aws), { API_KEY: 'new', OTHER: 'stays', NUMBER: 7 });
  assert.match(aws.labelled('AWSPREVIOUS')?.[1].value ?? '', '"old"');
  assert.is(aws.labelled('AWSPENDING'), undefined);
  aws.calls.length = 0;
  await store.write({ API_KEY: new Secret('new'), GONE: null });
  assert.equal(aws.calls, ['GetSecretValue', 'DescribeSecret'], 'twice is once');
  await store.write({ API_KEY: null });
  assert.is(await held(store, 'API_KEY'), null);
});

test('killed before and after each call and begun again: one new version, current, and nothing pending', async () => {
  for (let call = 1; call <= 7; call++)
    for (const how of ['lost', 'unheard'] as const) {
      const { aws, open } = await world({ API_KEY: 'old' });
      const killed = new AbortController();
      aws.fault = (n) => {
        if (n === call) setTimeout(() => killed.abort(new Error('killed')), 20);
        return n === call ? how : undefined;
      };
      const first = open(killed.signal);
      assert.is((await refusal(() => first.write({ API_KEY: new Secret('new') }))).message, 'killed');
      aws.fault = undefined;
      await open().write({ API_KEY: new Secret('new') });
      const found = [current(aws).API_KEY, aws.versions.size, aws.labelled('AWSPENDING')];
      assert.equal(found, ['new', 2, undefined], `${how} at call ${call}`);
    }
});

test('taken back after it was put and never made current: the old one stays, and the mark of the other is gone', async () => {
  const { aws, open } = await world({ API_KEY: 'old' });
  aws.fault = (_, call) =>
    call === 'UpdateSecretVersionStage' ? { status: 400, type: 'AccessDeniedException' } : undefined;
  assert.is((await refusal(async () => open().write({ API_KEY: new Secret('new') }))).code, 'STORE_DENIED');
  assert.ok(aws.labelled('AWSPENDING'));
  aws.fault = undefined;
  await open().write({ API_KEY: new Secret('old') });
  assert.equal([current(aws), aws.labelled('AWSPENDING')], [{ API_KEY: 'old' }, undefined]);
  await open().write({ API_KEY: new Secret('new') });
  assert.equal([current(aws), aws.versions.size], [{ API_KEY: 'new' }, 2]);
});

test('a token that was used before: taken where it holds the same, refused where not, and nobody else is overwritten', async () => {
  const { aws, open } = await world({ A: '1', B: '2' });
  aws.fault = (_, call) =>
    call === 'UpdateSecretVersionStage' ? { status: 400, type: 'AccessDeniedException' } : undefined;
  await refusal(async () => open().write({ A: new Secret('new') }));
  aws.fault = undefined;
  const [id, put] = aws.labelled('AWSPENDING') ?? ['', { value: '', stages: new Set<string>() }];
  aws.versions.set(id, { ...put, value: '{"B":"2","A":"new"}' });
  await open().write({ A: new Secret('new') });
  assert.equal(current(aws), { A: 'new', B: '2' }, 'the same in another order');

  const other = await world({ A: '1' });
  other.aws.fault = (_, call) =>
    call === 'UpdateSecretVersionStage' ? { status: 400, type: 'AccessDeniedException' } : undefined;
  await refusal(async () => other.open().write({ A: new Secret('new') }));
  other.aws.fault = undefined;
  const [theirs] = other.aws.labelled('AWSPENDING') ?? [''];
  other.aws.versions.set(theirs, { value: '{"A":"theirs"}', stages: new Set(['AWSPENDING']) });
  assert.is((await refusal(async () => other.open().write({ A: new Secret('new') }))).code, 'STORE_NOT_KEPT');
  assert.equal(current(other.aws), { A: '1' });

  const raced = await world({ A: '1' });
  raced.aws.fault = (n) => {
    if (n === 4) {
      raced.aws.versions.get('initial-0000000000000000000000000000')?.stages.delete('AWSCURRENT');
      raced.aws.versions.set('theirs-00000000000000000000000000000', {
        value: '{"A":"theirs"}',
        stages: new Set(['AWSCURRENT']),
      });
    }
    return undefined;
  };
  assert.is((await refusal(async () => raced.open().write({ A: new Secret('new') }))).code, 'STORE_CHANGED');
  assert.equal(current(raced.aws), { A: 'theirs' });
});

test("another's rotation that is under way is left alone (exit 5)", async () => {
  const { aws, open } = await world({ A: '1' });
  aws.versions.set('lambda-00000000000000000000000000000', { value: '{"A":"2"}', stages: new Set(['AWSPENDING']) });
  for (const work of [async () => open().refuse(['A']), async () => open().write({ A: new Secret('new') })]) {
    const error = await refusal(work);
    assert.equal([error.code, error.exit], ['STORE_BUSY', 5]);
  }
  assert.equal(current(aws), { A: '1' });
});

test('refusals are told by their names; what does not answer is unknown', async () => {
  const code = async ({ aws, open }: World, fault?: AwsStandIn['fault'], env?: object) => {
    aws.fault = fault;
    const error = await refusal(async () => open(undefined, env).read(['A']));
    assert.not.match(error.message, KEYS.AWS_SECRET_ACCESS_KEY);
    return error.code;
  };
  const there = await world({ A: '1' });
  assert.is(await code(await world(undefined)), 'STORE_MISSING');
  assert.is(await code(await world('not json')), 'STORE_NOT_JSON');
  assert.is(await code(await world('[1]')), 'STORE_NOT_JSON');
  assert.is(await code(there, () => ({ status: 400, type: 'AccessDeniedException' })), 'STORE_DENIED');
  assert.is(await code(there, () => ({ status: 400, type: 'ExpiredTokenException' })), 'STORE_DENIED');
  assert.is(await code(there, () => ({ status: 400, type: 'InvalidRequestException' })), 'STORE_REFUSED');
  assert.is(await code(there, () => ({ status: 500, type: 'InternalServiceError' })), 'UNKNOWN');
  assert.is(await code(there, () => ({ status: 400, type: 'ThrottlingException' })), 'UNKNOWN');
  assert.is(await code(await world({ A: '1' }, 'http://127.0.0.1:1')), 'UNKNOWN');
  // Once, and then it answers: asked again.
  there.aws.fault = (n) =>
    n === there.aws.calls.length && there.aws.calls.length % 2 === 1
      ? { status: 503, type: 'ServiceUnavailable' }
      : undefined;
  assert.is(await held(there.open(), 'A'), '1');
});

whenThorough(test)('one that never answers is given up, and unknown', async () => {
  const { aws, open } = await world({ A: '1' });
  aws.fault = () => 'lost';
  const error = await refusal(async () => open().read(['A']));
  assert.is(error.code, 'UNKNOWN');
});

test.run();
