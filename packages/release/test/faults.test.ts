// Uses PostgreSQL, HAProxy and runit; the disk that fills up wants root, to mount one. What a release stands on is taken away at its steps.
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { loadConfig, loadEnvironment, openRuns, readRuns, Supervisor } from '@drydock/kit';
import { sampleRounds } from '@drydock/kit/testing';
import { startTestPostgres, type TestPostgres, testRoot } from '@drydock/sandbox/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { withRecord } from '../src/record/record.ts';
import { underLoad } from './load.ts';
import { makeWorld, type World } from './world.ts';

const test = suite('what a release stands on is taken away');
let postgres: TestPostgres;
let wire: Awaited<ReturnType<typeof startWire>>;
let world: World;
let names: string[];
const root = testRoot('faults');
const host = join(root, 'host');
const temporary = join(root, 'tmp');
/** Small file systems of their own, where we may mount any: as large as a preflight wants them. */
const mounted: string[] = [];

/** Between us and PostgreSQL: cut, it is as if the server were gone. */
async function startWire(to: number) {
  const open = new Set<Socket>();
  let cut = false;
  const server = createServer((socket) => {
    if (cut) return socket.resetAndDestroy();
    const there = connect(to, '127.0.0.1');
    for (const each of [socket, there]) {
      open.add(each);
      each.once('close', () => {
        open.delete(each);
        socket.destroy();
        there.destroy();
      });
      each.on('error', () => each.destroy());
    }
    socket.pipe(there).pipe(socket);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const set = (now: boolean) => {
    cut = now;
    if (cut) for (const socket of open) socket.destroy();
  };
  const stop = () => {
    set(true);
    server.close();
  };
  return { port: (server.address() as { port: number }).port, set, stop };
}

test.before(async () => {
  postgres = await startTestPostgres();
  wire = await startWire(postgres.port);
  const url = new URL(await postgres.createDatabase());
  url.port = String(wire.port);
  world = await makeWorld(
    {
      environments: { staging: { serves: 'customers', guard: 'none' } },
      // The team's: another clone finds there what this one has built.
      backups: { stores: [{ kind: 'file', path: testRoot('store') }] },
    },
    { watch: { seconds: 2 } },
    { OPS_DATABASE_URL: url.href, RELEASE_FOLDER: host },
  );
  for (const folder of [host, temporary, join(world.root, '.drydock')]) mountSmall(folder);
  process.env.TMPDIR = temporary;
  for (const _ of [0, 1]) {
    world.commit();
    assert.is((await world.release()).error, undefined);
  }
  names =
    readRuns(world.root)
      .at(-1)
      ?.start.steps?.map(({ name }) => name) ?? [];
});
test.after(async () => {
  await world.stop();
  await new Supervisor(join(host, 'services')).end(2_000);
  wire.stop();
  await postgres.stop();
  delete process.env.TMPDIR;
  for (const folder of mounted) execFileSync('umount', ['--lazy', folder]);
});

function mountSmall(folder: string): void {
  mkdirSync(folder, { recursive: true });
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=208m,mode=0700', 'tmpfs', folder], { stdio: 'pipe' });
    mounted.push(folder);
  } catch (cause) {
    console.log(`    no disk can be filled at ${folder}: ${(cause as Error).message.trim().split('\n').at(-1)}`);
  }
}

const answer = async () => (await fetch(world.url)).text();

/** One version serves, and whoever is asked says so. */
async function assertOneServes(where: string): Promise<void> {
  const said = new Set<string>();
  for (let asked = 0; asked < 6; asked++) said.add(await answer());
  assert.is(said.size, 1, where);
  const [version = ''] = said;
  const config = await loadConfig(undefined, world.root);
  const live = await withRecord(config, loadEnvironment(config, 'staging', {}), (record) => record.live());
  assert.is(live?.version, version, `${where}: the record`);
  const { outcome } = await world.status();
  assert.match(outcome?.verdict ?? '', `staging is on version ${version}`, where);
  assert.equal(
    outcome?.findings?.map(({ code }) => code).filter((code) => code !== 'BEFORE_MISSING'),
    [],
    where,
  );
}

interface Fault {
  strike(): Promise<unknown>;
  heal(): Promise<unknown>;
}

let back: Promise<unknown> = Promise.resolve();
const FAULTS: Record<string, Fault> = {
  'the database is away': { strike: async () => wire.set(true), heal: async () => wire.set(false) },
  'the proxy is killed, and is there again after a moment': {
    strike: async () => {
      back = world.proxy.restart();
      await new Promise((done) => setTimeout(done, 100));
    },
    heal: () => back,
  },
  'the instance that serves is killed': {
    async strike() {
      const { outcome } = await world.status();
      const { live } = (outcome?.data ?? {}) as unknown as { live: { slot: string } };
      // Its supervisor is that of the folder that RELEASE_FOLDER names.
      const file = join(host, 'services', `strange-staging-${live.slot}-1`, 'supervise/pid');
      process.kill(Number(readFileSync(file, 'utf8')), 'SIGKILL');
    },
    heal: async () => {},
  },
  'the supervisor is killed': {
    async strike() {
      const pid = supervisorPid();
      if (pid) process.kill(pid, 'SIGKILL');
    },
    heal: async () => {},
  },
  'the disk of the host is full': full(() => host),
  "the checkout's own disk is full": full(() => join(world.root, '.drydock')),
  'the disk for temporary files is full': full(() => temporary),
};

/** All that is left of it is taken. */
function full(folderOf: () => string): Fault {
  const file = () => join(folderOf(), 'filler');
  return {
    async strike() {
      if (!mounted.includes(folderOf())) return;
      const { bavail, bsize } = statfsSync(folderOf());
      writeFileSync(file(), Buffer.alloc(bavail * bsize));
    },
    heal: async () => rmSync(file(), { force: true }),
  };
}

function supervisorPid(): number | undefined {
  const lines = execFileSync('ps', ['-axww', '-o', 'pid=,args='], { encoding: 'utf8' }).split('\n');
  return Number(/^\s*(\d+)/.exec(lines.find((line) => line.includes(`runsvdir -P ${host}/services`)) ?? '')?.[1]);
}

async function struck(fault: Fault, step: string, where: string, elsewhere: boolean): Promise<string> {
  world.commit();
  let said = 'it went through';
  let hit = false;
  const load = await underLoad(world.url, async () => {
    const { error } = await world.release((name, made) => {
      if (name !== step) return;
      const { run } = made;
      made.run = async (ctx) => {
        if (!hit) await fault.strike();
        hit = true;
        return run(ctx);
      };
    });
    await fault.heal();
    if (error) {
      said = `${error.code}: ${error.message}`;
      assert.is.not(error.code, 'UNEXPECTED', where);
      assert.ok(error.hint, `${where}: ${said}`);
      assert.not.match(error.message, /\n/, where);
    }
    if (openRuns(world.root).length > 0) {
      const operator = elsewhere ? world.clone() : world;
      const again = await operator.release(undefined, ['--env', 'staging', '--resume']);
      said += again.error ? ` Resumed: ${again.error.message}` : ' Resumed: done.';
    }
  });
  console.log(`    ${where}: ${load.failed.length} of ${load.requests} requests failed. ${said}`);
  await assertOneServes(where);
  return said;
}

test('at each step: gone on with, one version serves, and the record tells which', async () => {
  const rounds = Object.entries(FAULTS).flatMap(([what, fault]) => names.map((step) => ({ what, fault, step })));
  // Every other time somebody else goes on, from a clone that knows nothing of it.
  for (const [n, { what, fault, step }] of sampleRounds(rounds, 5).entries())
    await struck(fault, step, `${what} at ${step}${n % 2 ? ', from another clone' : ''}`, n % 2 === 1);
});

test('a disk that is full already is told before anything is begun', async () => {
  const full = FAULTS['the disk of the host is full'] as Fault;
  world.commit();
  await full.strike();
  const { error } = await world.release();
  await full.heal();
  if (!mounted.includes(host)) return;
  assert.equal([error?.code, error?.exit], ['DISK_FULL', 2]);
  assert.match(error?.message ?? '', /^Nothing was begun: .*host/);
});

test.run();
