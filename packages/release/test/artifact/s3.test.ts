// Uses an S3 endpoint as the store of artefacts.
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openStore } from '@drydock/backups';
import { loadEnvironment } from '@drydock/kit';
import { startTestS3 } from '@drydock/sandbox/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { releaseConfig } from '../../src/config.ts';
import { makeProduct, refusal, signal } from '../product.ts';

const test = suite('artefacts in a bucket');
let s3: Awaited<ReturnType<typeof startTestS3>>;
test.before(async () => {
  s3 = await startTestS3();
});
test.after(() => s3.stop());

test('built into a bucket, found, unpacked, refused where it was changed, and pruned', async () => {
  const settings = { kind: 's3', pathStyle: true, prefix: 'shop' } as const;
  const env = {
    BACKUP_BUCKET: s3.bucket,
    S3_ENDPOINT: s3.endpoint,
    S3_ACCESS_KEY_ID: s3.accessKeyId,
    S3_SECRET_ACCESS_KEY: s3.secretAccessKey,
  };
  const product = makeProduct({ store: settings }, { env });
  const first = await product.build();
  product.commit({ 'src/main.txt': 'two' });
  const second = await product.build();
  const { artifacts, config } = await product.open();
  assert.equal((await artifacts.list()).map(({ version }) => version).sort(), [first.version, second.version].sort());
  assert.equal(await artifacts.find(first.commit.slice(0, 9)), first);
  const into = join(mkdtempSync(join(process.env.DRYDOCK_TEST_ROOT ?? tmpdir(), 'drydock-into-')), 'v');
  await artifacts.unpack(first, into, signal);
  assert.is(readFileSync(join(into, 'src/main.txt'), 'utf8'), 'one');
  assert.match((await artifacts.questions()[0]?.ask(signal)) ?? '', /^s3:.*, 2 there$/);

  const configured = releaseConfig(config).artifact.store;
  assert.ok(configured && configured.kind !== 'registry');
  const raw = openStore(configured, config, loadEnvironment(config, 'staging', process.env));
  const bytes = async function* () {
    yield Buffer.from('something else');
  };
  await raw.write(`artifacts/strange/${first.digest}/tree.tar.zst`, bytes(), { signal });
  const error = await refusal(artifacts.verify(first, signal));
  assert.equal([error.code, error.exit], ['ARTIFACT_CHANGED', 4]);
  assert.equal(await artifacts.prune(new Set([second.digest])), [first.version]);
  assert.equal(await artifacts.list(), [second]);
});

test.run();
