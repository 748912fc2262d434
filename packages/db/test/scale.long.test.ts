// Uses PostgreSQL: what grows with the number of migrations. Bounds are wide: other things run beside it; `npm run bench` has the figures.
import { join } from 'node:path';
import { whenThorough } from '@drydock/kit/testing';
import { startTestPostgres, type TestPostgres } from '@drydock/sandbox/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { foreignProject } from './foreign.ts';
import { makeProduct, type Product } from './product.ts';
import { writeMigration } from './world.ts';

const test = suite('many migrations');
const thoroughly = whenThorough(test);
const MANY = 820;
const FEW = 205;
let postgres: TestPostgres;
test.before(async () => {
  postgres = await startTestPostgres();
});
test.after(() => postgres.stop());

async function took(product: Product, task: string, ...args: string[]): Promise<number> {
  const started = performance.now();
  const { code, error } = await product.ask(task, ...args);
  assert.is(code, 0, `${task}: ${JSON.stringify(error)}`);
  return performance.now() - started;
}

async function measure(count: number) {
  const { schema, migrations } = foreignProject(count);
  const product = makeProduct(await postgres.createDatabase(), schema, migrations);
  const dryRun = await took(product, 'db:dry-run');
  const deploy = await took(product, 'db:deploy', '--yes');
  return {
    product,
    dryRun,
    deploy,
    status: await took(product, 'db:status'),
    verify: await took(product, 'db:verify'),
  };
}

thoroughly(
  `${MANY} migrations are rehearsed in time, and nothing takes longer by the migration than with ${FEW}`,
  async () => {
    const few = await measure(FEW);
    const { product, ...many } = await measure(MANY);
    assert.ok(many.dryRun < 60_000, `db:dry-run took ${many.dryRun} ms`);
    assert.ok(many.status < 4_000, `db:status took ${many.status} ms`);
    for (const what of ['dryRun', 'deploy', 'verify'] as const)
      assert.ok(
        many[what] / MANY < (2 * few[what]) / FEW,
        `${what} took ${many[what]} ms, and ${few[what]} ms with ${FEW}`,
      );
    // What is applied already must not weigh on each statement that comes.
    for (const [name, sql] of Object.entries(foreignProject(MANY + 14).migrations).slice(MANY))
      writeMigration(join(product.root, 'prisma'), name, sql);
    const started = performance.now();
    const { data } = await product.ask('db:dry-run');
    assert.is(data.migrations.length, 14, JSON.stringify(data).slice(0, 1_000));
    assert.ok(performance.now() - started < 30_000);
  },
);

test.run();
