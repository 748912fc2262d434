// Uses Debian's docker-registry as the store of artefacts.
import { existsSync, mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort, Secret } from '@drydock/kit';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { RegistryStore } from '../../src/artifact/registry/store.ts';
import { startTestRegistry, type TestRegistry } from '../image/registry.ts';
import { makeProduct, refusal, signal } from '../product.ts';

const test = suite('artefacts in a registry');
let registry: TestRegistry;
test.before(async () => {
  registry = await startTestRegistry();
});
test.after(() => registry.stop());

let made = 0;
const newInto = () => join(mkdtempSync(join(process.env.DRYDOCK_TEST_ROOT ?? tmpdir(), 'drydock-into-')), 'v');
const storeAt = (host: string) => ({
  kind: 'registry',
  repository: `${host}/shop/artefacts-${++made}`,
  insecure: true,
});

test('built into a registry, found from a clone, unpacked, refused where it was changed, and pruned', async () => {
  const store = storeAt(registry.guarded);
  const env = { REGISTRY_USER: 'captain', REGISTRY_PASSWORD: 'ahoy' };
  const product = makeProduct({ store }, { env });
  assert.equal(await (await product.open()).artifacts.list(), [], 'nothing was ever pushed there');
  const first = await product.build();
  assert.equal(await product.build(), first, 'a second time it is there');
  product.commit();
  const again = await product.build();
  assert.is(again.digest, first.digest);
  product.commit({ 'src/main.txt': 'two' });
  const second = await product.build();

  const { artifacts } = await product.open();
  assert.equal(
    (await artifacts.list()).map(({ commit }) => commit),
    [second.commit, again.commit, first.commit],
  );
  assert.equal(await artifacts.byCommit(first.commit), first);
  assert.equal(await artifacts.find(second.version), second);
  assert.match((await artifacts.questions()[0]?.ask(signal)) ?? '', /^registry:.*, 2 there$/);
  assert.match(await artifacts.bomOf(second), 'CycloneDX');
  await artifacts.verify(first, signal);
  const into = newInto();
  await artifacts.unpack(first, into, signal);
  assert.is(readFileSync(join(into, 'src/main.txt'), 'utf8'), 'one');
  await artifacts.tagged(second, 'v1.0.0', '- two', signal);
  assert.is((await artifacts.find('v1.0.0'))?.digest, second.digest);

  // Whoever may push there may push something else.
  const raw = new RegistryStore({ ...store, user: 'captain', password: new Secret('ahoy') });
  const bytes = async function* () {
    yield Buffer.from('something else');
  };
  await raw.write(`artifacts/strange/${first.digest}/tree.tar.zst`, bytes(), { signal });
  const other = newInto();
  for (const work of [() => artifacts.verify(first, signal), () => artifacts.unpack(first, other, signal)]) {
    const error = await refusal(work());
    assert.equal([error.code, error.exit], ['ARTIFACT_CHANGED', 4]);
  }
  assert.not(existsSync(other));

  assert.equal(await artifacts.prune(new Set([second.digest])), [first.version]);
  assert.equal([...new Set((await artifacts.list()).map(({ digest }) => digest))], [second.digest]);
  const gone = await refusal(artifacts.verify(first, signal));
  assert.equal([gone.code, gone.exit], ['ARTIFACT_MISSING', 4]);
});

test('two who write to one artefact at once both stand there', async () => {
  const raw = () => new RegistryStore({ ...storeOf, user: undefined, password: undefined });
  const storeOf = storeAt(registry.host);
  const key = (name: string) => `artifacts/shop/${'a'.repeat(64)}/${name}`;
  const one = (name: string) =>
    raw().write(
      key(name),
      (async function* () {
        yield Buffer.from(name);
      })(),
      { signal },
    );
  await one('tree');
  for (let round = 0; round < 3; round++) {
    await Promise.all([one(`left-${round}`), one(`right-${round}`)]);
    // What one of them took from the other is written again by whoever misses it.
    await Promise.all([one(`left-${round}`), one(`right-${round}`)]);
  }
  const keys = (await raw().list('artifacts/shop/')).map((each) => each.key);
  for (const name of ['tree', 'left-2', 'right-2']) assert.ok(keys.includes(key(name)), name);
  assert.is(await raw().readText(key('right-2')), 'right-2');
  assert.is(await raw().readText(key('none')), undefined);
});

test('one that lets nobody in, is away, or lets nobody delete is told as that', async () => {
  const locked = makeProduct(
    { store: storeAt(registry.guarded) },
    { env: { REGISTRY_USER: 'captain', REGISTRY_PASSWORD: 'aye' } },
  );
  assert.is((await refusal(locked.build())).code, 'REGISTRY_REFUSED');
  const nowhere = `127.0.0.1:${await freePort()}`;
  const away = makeProduct({ store: storeAt(nowhere) });
  assert.match((await refusal(away.build())).message, `The registry ${nowhere} does not answer (ECONNREFUSED).`);
  const keeps = await startTestRegistry({ deletes: false });
  try {
    const product = makeProduct({ store: storeAt(keeps.host) });
    await product.build();
    const error = await refusal((await product.open()).artifacts.prune(new Set()));
    assert.is(error.code, 'ARTIFACT_NOT_REMOVED');
    assert.match(error.message, 'the registry lets nobody delete');
  } finally {
    await keeps.stop();
  }
});

test.run();
