// Uses PostgreSQL, HAProxy and runit: whole releases of versions that nobody wants, while people use the one before.
import { readdirSync, readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { loadConfig, loadEnvironment, MARK } from '@drydock/kit';
import { sampleRounds, whenThorough } from '@drydock/kit/testing';
import { testRoot } from '@drydock/sandbox/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { QUICK_GATE } from '../../health/test/product.ts';
import { withRecord } from '../src/record/record.ts';
import { startPeople } from './people.ts';
import { makeWorld, type World } from './world.ts';

const test = suite('bad versions, released');
const PER_SECOND = 50;
const SHOP = readFileSync(join(import.meta.dirname, 'fixtures/shop.mjs'), 'utf8');
const CUSTOMERS = { staging: { serves: 'customers', guard: 'none' } };

interface Bad {
  what: string;
  change(source: string): string;
  says: RegExp;
  /** People never meet it. */
  unseen: boolean;
}

const SLEEPS = JSON.stringify('setInterval(() => {}, 1000)');
/** The first, the middle and the last are those that every `npm test` releases. */
const BAD: Bad[] = [
  {
    what: 'crashes after 5 s',
    change: (source) => `${source}setTimeout(() => { throw new Error('it was too much'); }, 5_000);\n`,
    says: /"staging › watch" failed: Version \w+ on staging does not stay: \w+-1 has ended with exit code 1, and its last words were: Error: it was too much/,
    unseen: false,
  },
  {
    what: 'is never ready',
    change: (source) => source.replace('ready ? 200 : 503', '503'),
    says: /"staging › stage" failed: .*\/readyz answered 503/,
    unseen: true,
  },
  {
    what: 'answers 500 to all',
    change: (source) => source.replace('PAGE = 200', 'PAGE = 500'),
    says: /"staging › candidate smoke" failed: staging: \/ answered 500/,
    unseen: true,
  },
  {
    what: 'is slow',
    change: (source) => source.replace('5 + Math.random() * 20', '800'),
    says: /"staging › watch" failed: .* takes \d+ ms to answer on average, and the version before \d+ ms/,
    unseen: false,
  },
  {
    what: 'listens on ::1 alone',
    change: (source) => source.replace('Number(PORT), HOST', "Number(PORT), '::1'"),
    says: /"staging › stage" failed: .*listens at \[::1\] port \d+, and not at 127\.0\.0\.1/,
    unseen: true,
  },
  {
    what: 'answers 500 to 2 %',
    change: (source) =>
      source
        .replace('let ready = true;', 'let ready = true;\nlet asked = 0;')
        .replace("'/healthz' ? 200 : PAGE", "'/healthz' ? 200 : ++asked % 50 === 0 ? 500 : PAGE"),
    says: /"staging › watch" failed: .* fails \d+ of \d+ requests \(\d\.\d %\)/,
    unseen: false,
  },
  {
    what: 'ignores SIGTERM, and answers 500',
    change: (source) =>
      `${source.replace('PAGE = 200', 'PAGE = 500')}process.removeAllListeners('SIGTERM'); process.on('SIGTERM', () => {});\n`,
    says: /"staging › candidate smoke" failed: staging: \/ answered 500/,
    unseen: true,
  },
  {
    what: 'forks and exits',
    change: (source) =>
      `import { spawn } from 'node:child_process';\nspawn(process.execPath, ['-e', ${SLEEPS}], { detached: true, stdio: 'ignore' }).unref(); process.exit(0);\n${source}`,
    says: /"staging › stage" failed: .*(ended with exit code 0|does not run)/,
    unseen: true,
  },
  {
    what: 'says that it is another version',
    change: (source) => source.replace('version: APP_VERSION', "version: '0123456789ab'"),
    says: /"staging › stage" failed: .*says that it is version 0123456789ab/,
    unseen: true,
  },
  {
    what: 'has another process on its port',
    // Who listens there in its place is this test.
    change: (source) =>
      `import { writeFileSync } from 'node:fs';\nwriteFileSync(process.env.PORT_FILE, process.env.PORT);\n${source.replace('server.listen(', 'setInterval(() => {}, 1_000); (() => {})(')}`,
    says: /"staging › stage" failed: .*another process listens at 127\.0\.0\.1:\d+/,
    unseen: true,
  },
];

let world: World;
const portFile = join(testRoot('bad-releases'), 'port');
test.before(async () => {
  world = await makeWorld(
    { environments: CUSTOMERS },
    {
      watch: { seconds: 10 },
      app: { command: ['node', 'shop.mjs'], node: process.execPath, readyTimeoutMs: 4_000, drainTimeoutMs: 1_500 },
    },
    { PORT_FILE: portFile },
  );
  assert.is((await world.release()).error, undefined);
});
test.after(() => world.stop());

const answer = async (of: World) => (await fetch(of.url)).text();

/** Processes that bear the mark of a service behind this proxy. */
function processes({ proxy }: World): number {
  const mark = `${MARK}=${proxy.supervisor.folder}`;
  return readdirSync('/proc').filter((pid) => {
    if (!/^\d+$/.test(pid)) return false;
    try {
      return readFileSync(`/proc/${pid}/environ`, 'utf8').includes(mark);
    } catch {
      // Ended meanwhile.
      return false;
    }
  }).length;
}

async function recordedIn({ root }: World): Promise<string | undefined> {
  const config = await loadConfig(undefined, root);
  const live = await withRecord(config, loadEnvironment(config, 'staging', {}), (record) => record.live());
  return live?.version;
}

/** Whoever writes down its port finds somebody there, who says that all is well. */
async function takePort(until: AbortSignal): Promise<void> {
  let server: Server | undefined;
  while (!until.aborted) {
    const port = Number(readIfAny(portFile));
    if (port && !server) server = createServer((_, response) => response.end('{"ok":true}')).listen(port, '127.0.0.1');
    await sleep(20);
  }
  server?.closeAllConnections();
  server?.close();
}

function readIfAny(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

async function refused(of: World, { what, change, says, unseen }: Bad): Promise<void> {
  const before = await answer(of);
  const known = processes(of);
  of.commit(() => change(SHOP));
  const people = startPeople(of.url, { perSecond: PER_SECOND });
  // What went before is what the new one is measured by.
  await sleep(1_000);
  const began = Date.now();
  const { error } = await of.release();
  const took = Date.now() - began;
  const ended = Date.now();
  await sleep(1_000);
  const { asked } = await people.stop();
  const failed = asked.filter(({ status }) => status !== 200);
  console.log(
    `    one that ${what}: ${failed.length} of ${asked.length} requests failed, ${(took / 1_000).toFixed(1)} s until it was over`,
  );
  console.log(
    error?.message,
    failed.map(({ at, ms, status }) => [at - began, ms, status]),
  );
  assert.match(error?.message ?? '', says);
  assert.match(error?.message ?? '', `staging is on version ${before}`);
  assert.is(await answer(of), before);
  assert.is(await recordedIn(of), before);
  assert.is(processes(of), known, 'nothing of it is left');
  assert.is(failed.filter(({ at }) => at > ended).length, 0, 'once it is over nobody notices anything');
  if (unseen) assert.equal(failed, []);
}

for (const bad of sampleRounds(BAD, 3))
  test(`one that ${bad.what}: it ends, the one before serves`, async () => {
    const over = new AbortController();
    const taken = takePort(over.signal);
    try {
      await refused(world, bad);
    } finally {
      over.abort();
      await taken;
    }
  });

whenThorough(test)('one that leaks: the gate finds it, by what collections leave of its heap', async () => {
  const leaky = await makeWorld(
    {
      environments: CUSTOMERS,
      health: {
        path: '/healthz',
        token: null,
        metrics: { errors: null, cacheHits: null, cacheMisses: null, blocks: null },
        objectives: { latency: [{ route: '/', belowMs: 400 }], errors: null, cacheHits: null, blocks: null },
        gate: { ...QUICK_GATE, release: { forSeconds: 20 } },
      },
    },
    {
      artifact: { include: ['shop.mjs', 'metrics.mjs'], keep: 1 },
      app: { command: ['node', '--expose-gc', 'shop.mjs'], node: process.execPath },
    },
  );
  try {
    const metrics = readFileSync(join(import.meta.dirname, 'fixtures/metrics.mjs'), 'utf8');
    const measured = SHOP.replace(
      "if (request.url === '/readyz')",
      "if (request.url === '/metrics') return response.end(metrics());\n  timed(response);\n  if (request.url === '/readyz')",
    );
    leaky.write({
      'metrics.mjs': metrics,
      'shop.mjs': `import { metrics, timed } from './metrics.mjs';\n${measured}`,
    });
    const first = await leaky.release((name, step) => {
      // Nobody uses it yet.
      if (name === 'staging › gate') step.run = async () => ({ verdict: 'pass', measurements: 1 });
    });
    assert.is(first.error, undefined);
    await refused(leaky, {
      what: 'leaks',
      change: () =>
        `import { metrics, timed } from './metrics.mjs';\n${measured}const kept = [];\nsetInterval(() => kept.push(Array.from({ length: 1_000 }, () => ({}))), 100);\n`,
      says: /"staging › gate" failed: The gate of staging says fail: .*memory/,
      unseen: false,
    });
  } finally {
    await leaky.stop();
  }
});

test.run();
