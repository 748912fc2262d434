#!/usr/bin/env node
// Makes the recordings of this folder anew: the real marketplace on a real world, under load, with something really wrong.
//   node packages/health/test/recorded/record.ts [name…]
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { zstdCompressSync } from 'node:zlib';
import { connectPostgres, Secret } from '@drydock/kit';
import { person, post } from '../../../marketplace/test/people.ts';
import { type Product, startProduct, startWorld, TOKEN } from '../../../marketplace/test/world.ts';
import type { Recorded } from './recordings.ts';

const SECONDS = 60;
/** What a product does for the first time takes longer: that is not recorded. */
const WARM_UP_MS = 8_000;
const INTERVAL_MS = 2_000;
const REQUESTS_PER_SECOND = 15;

type World = Awaited<ReturnType<typeof startWorld>>;

interface Load {
  /** Of the jobs lists, how many ask for a page that somebody has asked for before. */
  known: number;
  /** Of all requests, how many ask for one job. */
  single: number;
}

interface Scenario {
  env?: Record<string, string>;
  load?(second: number): Partial<Load>;
  /** Begins when the load does; what it gives back undoes it. */
  disturb?(ctx: {
    world: World;
    database: Awaited<ReturnType<typeof connectPostgres>>;
    restart(): Promise<void>;
    signal: AbortSignal;
  }): Promise<void>;
}

const imported = (file: string) => `--import ${join(import.meta.dirname, file)}`;

const SCENARIOS: Record<string, Scenario> = {
  steady: {},
  'errors-for-30-s': {
    load: () => ({ single: 0.06 }),
    async disturb({ database, signal }) {
      await sleep(15_000, undefined, { signal });
      await database.query('ALTER TABLE "Review" RENAME TO "Gone"');
      await sleep(30_000, undefined, { signal });
      await database.query('ALTER TABLE "Gone" RENAME TO "Review"');
    },
  },
  'slow-route': {
    async disturb({ database, signal }) {
      while (!signal.aborted) {
        await database.query('BEGIN; LOCK TABLE "Job" IN ACCESS EXCLUSIVE MODE');
        await sleep(650);
        await database.query('COMMIT');
        await sleep(100);
      }
    },
  },
  'cold-cache': { load: () => ({ known: 0.1 }) },
  'cold-at-first': { load: (second) => ({ known: second < 20 ? 0.05 : 0.9 }) },
  'redis-stopped': {
    async disturb({ world, signal }) {
      await sleep(30_000, undefined, { signal });
      await world.redis.stop();
    },
  },
  'too-many-requests': { env: { RATE_LIMIT_PER_MINUTE: '700' } },
  restart: {
    async disturb({ restart, signal }) {
      await sleep(30_000, undefined, { signal });
      await restart();
    },
  },
  // An hour's collections in a minute, with a leak and without one.
  'many-collections': { env: { NODE_OPTIONS: imported('collect.mjs') } },
  leak: { env: { NODE_OPTIONS: `${imported('collect.mjs')} ${imported('leak.mjs')}` } },
};

async function record(name: string, { env = {}, load = () => ({}), disturb = async () => {} }: Scenario) {
  const world = await startWorld();
  const all = { ...world.env, RATE_LIMIT_PER_MINUTE: '1000000', APP_VERSION: 'v1', ...env };
  let product: Product = await startProduct(all);
  const database = await connectPostgres(new Secret(world.databaseUrl, 'DATABASE_URL'), 'record');
  const ids = await postJobs(product.url);
  const controller = new AbortController();
  const { signal } = controller;
  // As a release does it: the next one takes over when it is ready.
  const restart = async () => {
    const last = product;
    product = await startProduct({ ...all, APP_VERSION: 'v2' });
    await last.stop();
  };
  const began = Date.now() + WARM_UP_MS;
  const second = () => (Date.now() - began) / 1_000;
  const loading = sendLoad(
    () => product.url,
    ids,
    () => load(second()),
    signal,
  );
  await sleep(WARM_UP_MS);
  const disturbing = disturb({ world, database, restart, signal }).catch((error) => {
    if (!signal.aborted) throw error;
  });
  const looks: Recorded[] = [];
  for (let at = 0; at <= SECONDS * 1_000; at += INTERVAL_MS) {
    await sleep(Math.max(0, began + at - Date.now()));
    looks.push(await lookAt(product.url));
  }
  controller.abort();
  await Promise.allSettled([loading, disturbing]);
  await product.stop();
  await database.end();
  await world.stop().catch(() => {});
  const text = looks.map((look) => `${JSON.stringify(look)}\n`).join('');
  writeFileSync(join(import.meta.dirname, `${name}.jsonl.zst`), zstdCompressSync(text, { params: LONG_WINDOW }));
  console.log(`${name}: ${looks.length} looks`);
}

/** A page is repeated with every look: a window that holds several makes the file a tenth. */
const LONG_WINDOW = { 100: 19, 101: 24 };

async function postJobs(url: string): Promise<string[]> {
  const { accessToken } = await person(url);
  const milestones = [{ title: 'All', amount: '1000' }];
  const ids: string[] = [];
  for (let i = 0; i < 30; i++) {
    const answer = await post(url, '/api/jobs', { title: `Job ${i}`, description: 'Keel.', milestones }, accessToken);
    ids.push(((await answer.json()) as { job: { id: string } }).job.id);
  }
  return ids;
}

async function sendLoad(url: () => string, ids: string[], load: () => Partial<Load>, signal: AbortSignal) {
  const flying = new Set<Promise<unknown>>();
  while (!signal.aborted) {
    const { known = 0.7, single = 0.3 } = load();
    const id = ids[Math.floor(Math.random() * ids.length)];
    const page = Math.random() < known ? 1 : 2 + Math.floor(Math.random() * 9_000);
    const path = Math.random() < single ? `/api/jobs/${id}` : `/api/jobs?page=${page}`;
    const asked: Promise<unknown> = fetch(`${url()}${path}`)
      .then((answer) => answer.arrayBuffer())
      .catch(() => {})
      .finally(() => flying.delete(asked));
    flying.add(asked);
    await sleep(-Math.log(1 - Math.random()) * (1_000 / REQUESTS_PER_SECOND));
  }
  await Promise.all(flying);
}

async function lookAt(url: string): Promise<Recorded> {
  const at = Date.now();
  const ask = async (path: string) => {
    try {
      const headers = { authorization: `Bearer ${TOKEN}` };
      const answer = await fetch(`${url}${path}`, { headers, signal: AbortSignal.timeout(5_000) });
      return { status: answer.status, body: await answer.text() };
    } catch {
      return null;
    }
  };
  return { at, metrics: await ask('/metrics'), health: await ask('/api/admin/health') };
}

for (const [name, scenario] of Object.entries(SCENARIOS))
  if (process.argv.length < 3 || process.argv.includes(name)) await record(name, scenario);
