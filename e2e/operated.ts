import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadConfig, Secret, withPostgres } from '@drydock/kit';
import { makeStrangeProduct, type TaskProcesses, taskProcesses } from '@drydock/kit/testing';
import { healthSection } from '../packages/health/src/config/health.ts';
import { namesOf } from '../packages/health/src/metrics/names.ts';
import { observe } from '../packages/health/src/metrics/observe.ts';
import { MINUTE_MS, SeriesStore } from '../packages/health/src/series/store.ts';
import { FakeProduct, STEADY } from '../packages/health/test/traffic.ts';
import { insertEvent } from '../packages/kit/src/audit/store.ts';

const HOUR_MS = 3_600_000;

/** The running product as its operators have it: a day of samples with a fault in it, an audit log, and migrations that wait. */
export async function operateProduct(url: string, env: Record<string, string>): Promise<TaskProcesses> {
  const database = await emptyDatabase(env.DATABASE_URL ?? '');
  const root = makeStrangeProduct(
    { product: 'marketplace', chain: { chainId: 31_337 } },
    { ...env, PUBLIC_URL: url, OPS_DATABASE_URL: database, BACKUP_RECIPIENTS: 'age1nobody' },
  );
  // Playwright reads modules in a way of its own, and goes by this.
  writeFileSync(join(root, 'package.json'), '{ "type": "module" }');
  writeMigration(root, '20260101000000_first');
  writeMigration(root, '20260201000000_second');
  await Promise.all([keepSamples(root), writeLog(database)]);
  return taskProcesses(root);
}

async function emptyDatabase(url: string): Promise<string> {
  const name = `operated_${process.pid}`;
  await withPostgres(new Secret(url, 'the test'), 'e2e', (client) => client.query(`CREATE DATABASE ${name}`));
  return Object.assign(new URL(url), { pathname: `/${name}` }).href;
}

function writeMigration(root: string, name: string): void {
  mkdirSync(join(root, 'prisma/migrations', name), { recursive: true });
  writeFileSync(
    join(root, 'prisma/migrations', name, 'migration.sql'),
    `CREATE TABLE "${name}" (id int PRIMARY KEY);\n`,
  );
  writeFileSync(join(root, 'prisma/schema.prisma'), 'datasource db {\n  provider = "postgresql"\n}\n');
}

async function keepSamples(root: string): Promise<void> {
  const config = await loadConfig(undefined, root);
  const names = namesOf(healthSection.of(config).metrics);
  const store = await SeriesStore.open(config, 'staging');
  const begin = Math.floor(Date.now() / MINUTE_MS) * MINUTE_MS - 24 * HOUR_MS;
  const product = new FakeProduct(1, begin);
  let before = await product.scrape();
  // A sample in ten minutes is enough for a picture.
  for (let minute = 0; minute < 24 * 60; minute += 10) {
    const night = 1 + 0.6 * Math.sin(minute / 230);
    const broken = minute >= 900 && minute < 930;
    product.run(600, {
      ...STEADY,
      requestsPerSecond: 0.5 * night,
      cpu: 0.3 * night,
      errorShare: broken ? 0.3 : 0.0005,
    });
    const after = await product.scrape();
    store.put({ at: after.at - MINUTE_MS, version: 'v1', window: observe(before, after, names) });
    before = after;
  }
  store.close();
}

async function writeLog(database: string): Promise<void> {
  const done: [string, number][] = [
    ['release', 895],
    ['rollback', 930],
    ['secrets:rotate', 1_200],
    ['backup.drill', 1_300],
  ];
  await withPostgres(new Secret(database, 'the test'), 'e2e', async (client) => {
    for (const [event, minute] of done) {
      const at = new Date(Date.now() - 24 * HOUR_MS + minute * MINUTE_MS).toISOString();
      const base = { actor: 'grace', env: 'staging', reason: null, outcome: 'done' as const, metadata: {} };
      await insertEvent(client, { id: `event-${minute}`, at, task: event, run: `run-${minute}`, event, ...base });
    }
  });
}
