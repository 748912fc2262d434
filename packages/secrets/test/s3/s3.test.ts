// Uses the sandbox's S3, and a server of its own that speaks as IAM.
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type OpsError, Secret } from '@drydock/kit';
import { startTestS3 } from '@drydock/sandbox/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { isUnknown } from '../../src/unknown.ts';
import { held, openBench, rotate } from '../drive.ts';
import { startIam } from './stand-in.ts';

const test = suite('s3');
const OWN = { id: 'AKIAFIRST', secret: 'a-secret-of-the-first-key' };
const NAMES = ['S3_ACCESS_KEY_ID', 'S3_SECRET_ACCESS_KEY'];
let iam: Awaited<ReturnType<typeof startIam>>;
test.before.each(async () => {
  iam = await startIam(OWN);
});
test.after.each(() => iam.stop());

const bench = (secret: object = {}, env: Record<string, string> = {}, ask?: (what: string) => Promise<Secret>) =>
  openBench({
    secret: { kind: 's3', pathStyle: true, prefix: 'shop', spreadSeconds: 0, issuer: { by: 'iam' }, ...secret },
    env: {
      S3_ACCESS_KEY_ID: OWN.id,
      S3_SECRET_ACCESS_KEY: OWN.secret,
      BACKUP_BUCKET: 'backups',
      S3_ENDPOINT: iam.url,
      AWS_ENDPOINT_URL_IAM: iam.url,
      ...env,
    },
    ...(ask ? { ctx: { ask } } : {}),
  });

const refusal = (work: Promise<unknown>) =>
  work.then(
    () => undefined,
    (error: OpsError) => error,
  );

test('IAM makes a second key, an object is put with it, and the first is refused and gone', async () => {
  const b = await bench({ issuer: { by: 'iam', quietSeconds: 0 } });
  const { next, says, proof } = await rotate(b);
  assert.match(says, 'put, read and deleted shop/key-rotation-');
  assert.is(proof?.verdict, 'dead');
  assert.match(proof?.says ?? '', 'InvalidAccessKeyId 403');
  assert.equal([...iam.keys.keys()], [next.S3_ACCESS_KEY_ID?.reveal()]);
  assert.is(iam.objects.size, 0, 'nothing is left in the bucket');
  assert.is(iam.calls.filter((call) => call.startsWith('CreateAccessKey')).length, 1);
});

test('a key that was made and not heard of is cleared away by the next try, or by giving up', async () => {
  for (const then of ['make', 'withdraw'] as const) {
    const b = await bench();
    const old = held(b, NAMES);
    iam.kill = 'CreateAccessKey';
    const lost = await refusal((await b.rotator()).make(old));
    assert.ok(isUnknown(lost) || lost?.code === 'IAM_KEYS_FULL' || lost?.code === 'IAM_REFUSED', lost?.message);
    iam.kill = '';
    assert.is(iam.keys.size, 2);
    if (then === 'withdraw') {
      await (await b.rotator()).withdraw(old, {});
      assert.equal([...iam.keys.keys()], [OWN.id]);
    } else {
      const next = await (await b.rotator()).make(old);
      assert.equal([...iam.keys.keys()], [OWN.id, next.S3_ACCESS_KEY_ID?.reveal()]);
      for (let times = 0; times < 2; times++) await (await b.rotator()).withdraw(old, next);
    }
  }
});

test('a user with two keys has no room for a third: said before anything, with whose to look at', async () => {
  iam.keys.set('AKIAOTHER', { id: 'AKIAOTHER', secret: 's', active: true, made: new Date('2025-05-05') });
  const b = await bench();
  const refused = await refusal((await b.rotator()).refuse(held(b, NAMES)));
  assert.equal([refused?.code, refused?.exit], ['IAM_KEYS_FULL', 4]);
  assert.match(refused?.message ?? '', 'AKIAOTHER, made 2025-05-05');
  assert.is((await refusal((await b.rotator()).make(held(b, NAMES))))?.code, 'IAM_KEYS_FULL');
  assert.is(iam.keys.size, 2);
});

test('the old key that IAM has seen lately is told; a store that is away is neither a yes nor a no', async () => {
  const b = await bench();
  const { old, next } = await rotate(b, { until: 'promote' });
  const [one] = await (await b.rotator()).stragglers(old, next);
  assert.equal([one?.who, one?.host], ['somebody at s3', 'eu-central-1']);
  assert.is((await (await b.rotator()).proof(old, next)).verdict, 'alive');
  const away = await bench({}, { S3_ENDPOINT: 'http://127.0.0.1:9', AWS_ENDPOINT_URL_IAM: 'http://127.0.0.1:9' });
  for (const phase of ['proof', 'validate', 'stragglers'] as const)
    assert.ok(isUnknown(await refusal((await away.rotator())[phase](old, next))), phase);
});

test('without IAM both halves are asked for; what was made by a command is never shown', async () => {
  iam.keys.set('AKIAHAND', { id: 'AKIAHAND', secret: 'made-by-hand', active: true, made: new Date() });
  const asked: string[] = [];
  const b = await bench({ issuer: { by: 'ask' } }, {}, async (what) => {
    asked.push(what);
    return new Secret(what === 'S3_ACCESS_KEY_ID' ? 'AKIAHAND' : 'made-by-hand');
  });
  const { old, next } = await rotate(b, { until: 'promote' });
  assert.equal(asked, NAMES);
  await (await b.rotator()).retire(old, next);
  assert.match(b.said.join(), `delete the key ${OWN.id} at the store now`);
  assert.is((await (await b.rotator()).proof(old, next)).verdict, 'alive');
  iam.keys.delete(OWN.id);
  assert.is((await (await b.rotator()).proof(old, next)).verdict, 'dead');

  const folder = mkdtempSync(join(process.env.DRYDOCK_TEST_ROOT ?? tmpdir(), 'drydock-s3-'));
  const log = join(folder, 'ended');
  const program = (text: string) => {
    writeFileSync(join(folder, 'key.mjs'), text);
    return ['node', join(folder, 'key.mjs')];
  };
  const remove = ['node', '-e', `require('fs').writeFileSync(${JSON.stringify(log)}, process.env.ACCESS_KEY_ID)`];
  const made = `{"accessKeyId":"AKIACMD","secretAccessKey":"printed-by-a-command"}`;
  const c = await bench({ issuer: { by: 'command', create: program(`console.log('${made}')`), remove } });
  const pair = await (await c.rotator()).make(held(c, NAMES));
  assert.is(pair.S3_ACCESS_KEY_ID?.reveal(), 'AKIACMD');
  assert.not.match(c.said.join(), 'printed-by-a-command');
  await (await c.rotator()).withdraw(held(c, NAMES), pair);
  assert.is(readFileSync(log, 'utf8'), 'AKIACMD');
  const broken = await bench({ issuer: { by: 'command', create: program(`console.log('no key')`), remove } });
  assert.is((await refusal((await broken.rotator()).make(held(broken, NAMES))))?.code, 'COMMAND_PRINTED_NO_KEY');
});

test("against the sandbox's S3: a good key puts, reads and deletes, a wrong one is refused", async () => {
  const s3 = await startTestS3();
  try {
    const env = {
      S3_ENDPOINT: s3.endpoint,
      BACKUP_BUCKET: s3.bucket,
      S3_ACCESS_KEY_ID: s3.accessKeyId,
      S3_SECRET_ACCESS_KEY: s3.secretAccessKey,
    };
    const b = await bench({ issuer: { by: 'ask' } }, env);
    const old = held(b, NAMES);
    await (await b.rotator()).refuse(old);
    const wrong = { S3_ACCESS_KEY_ID: new Secret('AKIANOBODY'), S3_SECRET_ACCESS_KEY: new Secret('of-nobody-at-all') };
    assert.is((await refusal((await b.rotator()).validate(old, wrong)))?.code, 'S3_KEY_REFUSED');
    assert.is((await (await b.rotator()).proof(wrong, old)).verdict, 'dead');
  } finally {
    await s3.stop();
  }
});

test.run();
