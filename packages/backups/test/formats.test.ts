// Uses PostgreSQL; a backup of each format that was ever written, as it lay in a store.
import { cpSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { runTaskForTest } from '@drydock/kit/testing';
import { startTestPostgres, type TestPostgres } from '@drydock/sandbox/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import drillTask from '../scripts/drill.ts';
import restoreTask from '../scripts/restore.ts';
import verifyTask from '../scripts/verify.ts';
import { readManifest, writeManifest } from '../src/manifest.ts';
import { MANIFEST } from '../src/names.ts';
import { type Keys, makeKeys, makeProduct, query, SHELF } from './world.ts';

const test = suite('formats of the manifest');
const FIXTURES = join(import.meta.dirname, 'fixtures');
let postgres: TestPostgres;
test.before(async () => {
  postgres = await startTestPostgres();
});
test.after(() => postgres.stop());

for (const format of [1, 2, 3])
  test(`a backup of format ${format} is restored and proved, and a change in it is found`, async () => {
    const kept = join(FIXTURES, `format-${format}`);
    const { identity, signer, id } = JSON.parse(readFileSync(join(kept, 'keys.json'), 'utf8'));
    const keys: Keys = { ...(await makeKeys()), identity };
    // Whoever backs up today need not be who signed it.
    const product = makeProduct(await postgres.createDatabase(), keys, {
      backups: { signers: [{ name: 'then', key: signer }] },
    });
    // Keys of before they carried the product, and of now.
    const folder = format === 1 ? `staging/${id}` : `strange/staging/${id}`;
    for (const name of readdirSync(kept).filter((one) => one !== 'keys.json'))
      cpSync(join(kept, name), product.store.pathOf(`${folder}/${name}`));
    const run = async (task: Parameters<typeof runTaskForTest>[0], ...argv: string[]) => {
      const { outcome, error } = await runTaskForTest(task, product.root, ['--env', 'staging', ...argv]);
      // biome-ignore lint/suspicious/noExplicitAny: what a task tells is its own.
      return { error, ok: outcome?.ok !== false, data: outcome?.data as any };
    };
    const verified = await run(verifyTask);
    assert.equal([verified.error, verified.ok], [undefined, true]);
    const copy = `format_${format}_again`;
    const { error, data } = await run(restoreTask, '--foreign', '--to', copy, '--yes');
    assert.is(error, undefined, error?.message);
    assert.equal([data?.provedBy, data?.rows], ['checksums', 23]);
    assert.equal(await query(postgres.urlOf(copy), `SELECT s, n::text AS n FROM "Everything" ORDER BY id LIMIT 1`), [
      { s: 'täxt', n: '1.10' },
    ]);
    const drill = await run(drillTask);
    assert.equal([drill.error, drill.data?.faults], [undefined, []]);
    const text = readFileSync(join(kept, MANIFEST), 'utf8');
    const read = readManifest(text);
    if (!read.ok) throw new Error(read.why);
    assert.equal([read.manifest.format, read.manifest.env], [format, SHELF.env]);
    assert.equal(JSON.parse(writeManifest(read.manifest)).tables, JSON.parse(text).tables);
    assert.not(readManifest(text.replace(/"rows": 20,/, '"rows": 21,')).ok);
  });

test.run();
