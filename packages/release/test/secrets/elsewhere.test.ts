// Uses no service: products that are not released by Drydock, as a rotation sees them.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadConfig, loadEnvironment } from '@drydock/kit';
import { makeStrangeProduct } from '@drydock/kit/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { productOf } from '../../src/secrets/product.ts';
import { failing, progress } from '../driver-contract.ts';

const test = suite('a product that is started elsewhere');

async function open(redeploy?: object) {
  const root = makeStrangeProduct(
    { secrets: { rotate: { mail: { kind: 'generic', variable: 'MAIL_KEY' } }, ...(redeploy ? { redeploy } : {}) } },
    { MAIL_KEY: 'old-value', PUBLIC_URL: 'http://shop.example' },
  );
  const config = await loadConfig(undefined, root);
  const environment = loadEnvironment(config, 'staging', { PATH: process.env.PATH });
  return { root, product: productOf(config, environment) };
}
const writes = `require('fs').writeFileSync('seen', process.env.MAIL_KEY + ' ' + process.env.DRYDOCK_ENV)`;
const rolling = { ...progress, each: async () => {} };

test('a command starts it, with the environment of now; who has what nobody can tell', async () => {
  const { root, product } = await open({ command: ['node', '-e', writes] });
  assert.is(await product.describe(), `what this command starts again: node -e '${writes.replaceAll("'", `'\\''`)}'`);
  writeFileSync(join(root, '.env.staging'), `MAIL_KEY='new-value'\nPUBLIC_URL='http://shop.example'\n`);
  const seen: string[] = [];
  const each = async ({ address }: { address: string }) => void seen.push(address);
  await product.redeploy({ ...progress, each });
  assert.is(readFileSync(join(root, 'seen'), 'utf8'), 'new-value staging');
  assert.equal(seen, ['http://shop.example']);
  assert.equal(await product.uses(['MAIL_KEY']), [
    { instance: 'the product', host: 'http://shop.example', uses: undefined },
  ]);
});

test('one that fails, or does not end, is told; what it said is there', async () => {
  const fails = await open({ command: ['node', '-e', 'console.error("no such deployment"); process.exit(4)'] });
  const error = await failing(fails.product.redeploy(rolling));
  assert.is(error.code, 'COMMAND_FAILED');
  assert.match(error.message, 'no such deployment');
  const hangs = await open({ command: ['node', '-e', 'setInterval(() => {}, 1000)'], timeoutMs: 300 });
  assert.is((await failing(hangs.product.redeploy(rolling))).code, 'REDEPLOY_TOO_SLOW');
});

test('with neither it is to be done by hand, and that is said', async () => {
  const { product } = await open();
  assert.equal(
    [await product.describe(), await product.uses(['MAIL_KEY']), await product.addresses()],
    [undefined, [], []],
  );
  const error = await failing(product.redeploy(rolling));
  assert.is(error.code, 'PRODUCT_NOT_OURS');
  assert.match(error.message, 'by hand');
});

test.run();
