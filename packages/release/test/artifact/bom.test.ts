// The list of packages, against the schema that CycloneDX publishes.
import { Spec, Validation } from '@cyclonedx/cyclonedx-library';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { bomText } from '../../src/artifact/bom.ts';

const test = suite('list of packages');
const one = (name: string, version: string, license: string | undefined, folder = name) => ({
  name,
  version,
  license,
  folder,
});

test('it is what CycloneDX says it is, each package once, and the same text for the same packages', async () => {
  const packages = [
    one('zod', '4.0.0', 'MIT'),
    one('@scope/name', '1.0.0+build', 'SEE LICENSE IN file'),
    one('a', '1.0.0', undefined),
    one('a', '1.0.0', '(MIT OR Apache-2.0)', 'elsewhere/a'),
  ];
  const input = { product: 'shop', commit: 'c'.repeat(40) };
  const text = bomText({ ...input, packages });
  assert.is(await new Validation.JsonStrictValidator(Spec.Version.v1dot6).validate(text), null);
  const { components, metadata } = JSON.parse(text);
  assert.equal(
    components.map(({ purl }: { purl: string }) => purl),
    ['pkg:npm/%40scope/name@1.0.0+build', 'pkg:npm/a@1.0.0', 'pkg:npm/zod@4.0.0'],
  );
  assert.equal([metadata.component.name, metadata.component.version], ['shop', 'c'.repeat(40)]);
  assert.is(bomText({ ...input, packages: packages.toReversed() }).includes('timestamp'), false);
  assert.is(
    bomText({ ...input, packages: packages.slice(0, 3).toReversed() }),
    bomText({ ...input, packages: packages.slice(0, 3) }),
  );
});

test.run();
