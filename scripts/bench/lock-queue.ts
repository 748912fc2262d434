import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { connectPostgres, Secret } from '@drydock/kit';
import { startTestPostgres, type TestPostgres } from '@drydock/sandbox/testing';
import { makeProduct, type Product } from '../../packages/db/test/product.ts';
import { type Bench, ms } from './figures.ts';
import { prismaMigrate } from './stock.ts';

const WRITERS = 50;
const READER_MS = 20_000;
/** database.lockTimeoutMs of this product: the default. */
const LOCK_TIMEOUT_MS = 2_000;
const ROOM_MS = 500;

const SCHEMA = (more: string) => `model T {\n  id BigInt @id @default(autoincrement())\n  n  Int?\n${more}}\n`;
const FIRST = {
  '1_t': 'CREATE TABLE "T" ("id" BIGSERIAL NOT NULL, "n" INTEGER, CONSTRAINT "T_pkey" PRIMARY KEY ("id"));',
};
const SECOND = { '2_more': 'ALTER TABLE "T" ADD COLUMN "more" TEXT;' };

/** An ALTER TABLE while 50 sessions write and one reader keeps its transaction open: how long does a query wait? */
export const lockQueue: Bench = async ({ say }) => {
  const postgres = await startTestPostgres();
  try {
    say('db:deploy');
    const ours = await measure(postgres, 'ours', (product) => product.start('deploy.ts', '--yes', '--json'));
    say('prisma migrate deploy');
    const peer = await measure(postgres, 'stock', (product, url) => {
      const { program, args, cwd, env } = prismaMigrate('deploy', product.root, url);
      return spawn(program, args, { cwd, env });
    });
    const most = LOCK_TIMEOUT_MS + ROOM_MS;
    return [
      {
        what: `longest wait of a query (${WRITERS} writers, a reader of ${READER_MS / 1_000} s) while a column is added`,
        ours: ms(ours.longestMs),
        peer: ms(peer.longestMs),
        mustBe: `≤ ${ms(most)}`,
        is: ms(ours.longestMs),
        holds: ours.longestMs <= most,
      },
      {
        what: 'queries of the writers meanwhile; the deploy itself',
        ours: `${ours.queries.toLocaleString('en')}; ${ms(ours.tookMs)}`,
        peer: `${peer.queries.toLocaleString('en')}; ${ms(peer.tookMs)}`,
        mustBe: 'completes',
        is: ours.code === 0 ? 'completed' : `exit ${ours.code}`,
        holds: ours.code === 0,
      },
    ];
  } finally {
    await postgres.stop();
  }
};

interface Measured {
  longestMs: number;
  queries: number;
  tookMs: number;
  code: number | null;
}

async function measure(
  postgres: TestPostgres,
  name: string,
  deploy: (product: Product, url: string) => ReturnType<Product['start']>,
): Promise<Measured> {
  const url = await postgres.createDatabase(name);
  const product = makeProduct(url, SCHEMA(''), FIRST);
  await product.run('deploy.ts', '--yes');
  const wider = makeProduct(url, SCHEMA('  more String?\n'), { ...FIRST, ...SECOND });
  const load = await startLoad(url);
  const reader = await connectPostgres(new Secret(url), 'reader');
  await reader.query('BEGIN');
  await reader.query('SELECT count(*) FROM "T"');
  const released = sleep(READER_MS).then(() => reader.query('COMMIT'));
  const started = performance.now();
  const child = deploy(wider, url);
  child.stdout?.resume();
  child.stderr?.resume();
  const [code] = (await once(child, 'close')) as [number | null];
  const tookMs = performance.now() - started;
  await released;
  await reader.end();
  return { ...(await load.stop()), tookMs, code };
}

/** Each session inserts one row at a time, with a short pause; the longest that one took is kept. */
async function startLoad(url: string) {
  let [going, longestMs, queries] = [true, 0, 0];
  const writer = async () => {
    const client = await connectPostgres(new Secret(url), 'writer');
    while (going) {
      const started = performance.now();
      await client.query('INSERT INTO "T" ("n") VALUES (1)');
      longestMs = Math.max(longestMs, performance.now() - started);
      queries += 1;
      await sleep(20);
    }
    await client.end();
  };
  const writers = Array.from({ length: WRITERS }, writer);
  await sleep(1_000);
  longestMs = 0;
  return {
    async stop() {
      going = false;
      await Promise.all(writers);
      return { longestMs, queries };
    },
  };
}
