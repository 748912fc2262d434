// Uses no service: the sections of the config, and what is written of them.
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { TOOLKIT } from '@drydock/kit/cli';
import { coreExample, coreSchema, loadConfig, RUNBOOK_ENVIRONMENTS, readSection } from '@drydock/kit/config';
import { makeStrangeProduct } from '@drydock/kit/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { readSections } from '../src/wire/config.ts';
import { keysOf } from '../src/wire/config-keys.ts';

const test = suite('sections of the config');
const defined = await readSections(TOOLKIT);

test('every key says what it means, and has an example or keys of its own that have one', () => {
  const all = [
    ...keysOf(coreSchema, coreExample),
    ...defined.flatMap(({ section: { key, schema, example } }) =>
      keysOf(schema, example).map((one) => ({ ...one, path: `${key}.${one.path}` })),
    ),
  ];
  assert.ok(all.length > 200, `${all.length} keys`);
  const hasKeys = (path: string) =>
    all.some((one) => one.path.startsWith(`${path}.`) || one.path.startsWith(`${path}[]`));
  const mute = all.filter(({ path, about, example }) => about === '' || (example === '' && !hasKeys(path)));
  assert.equal(
    mute.map(({ path }) => path),
    [],
  );
});

test('what stands as an example loads', async () => {
  for (const { file, section } of defined) {
    const { problems } = readSection(section, { [section.key]: section.example }, RUNBOOK_ENVIRONMENTS);
    assert.equal(problems, [], file);
  }
  const { environments } = await loadConfig(undefined, makeStrangeProduct(coreExample));
  assert.equal(Object.keys(environments), ['development', 'qa', 'production']);
});

test('a section without a word about it is whole: nothing in it is required but where the whole may be left out', () => {
  for (const { file, section } of defined)
    assert.equal(readSection(section, {}, RUNBOOK_ENVIRONMENTS).problems, [], file);
});

test('every key is read by somebody beside the schema that has it', () => {
  const text = globSync('{packages/*/{src,scripts},scripts}/**/*.ts', { cwd: TOOLKIT })
    .filter((file) => !defined.some((one) => one.file === file) && !/\/config(\/|\.ts$)/.test(file))
    .map((file) => readFileSync(join(TOOLKIT, file), 'utf8'))
    .join('\n');
  // `of.key`, or taken out of it: `{ key, other: name }`.
  const isRead = (key: string) => new RegExp(`[.]${key}\\b|[{,]\\s*${key}\\s*[,:}=]`).test(text);
  const unread = defined.flatMap(({ section: { key, schema, example } }) =>
    keysOf(schema, example).flatMap(({ path }) => {
      const last = path.replaceAll('[]', '').split('.').at(-1) ?? '';
      return last === 'NAME' || isRead(last) ? [] : [`${key}.${path}`];
    }),
  );
  assert.equal(unread, []);
  assert.is(isRead('readByNobody'), false);
});

test('no two packages read the same key', () => {
  const keys = defined.flatMap(({ section: { key, schema } }) =>
    Object.keys(schema.shape).map((one) => `${key}.${one}`),
  );
  assert.equal(
    keys.filter((key, i) => keys.indexOf(key) !== i),
    [],
  );
});

test.run();
