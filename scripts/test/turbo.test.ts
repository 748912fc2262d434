// Uses turbo, in a clone of this repository whose checks only say that they ran.
import { execFileSync, spawnSync } from 'node:child_process';
import { appendFileSync, cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { sampleRounds } from '@drydock/kit/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

const test = suite('turbo');
const ROOT = join(import.meta.dirname, '../..');
const CHECKS = ['typecheck', 'lint', 'deadcode', 'arrows'];
const ALL = ['generate', ...CHECKS];
const CLIENT = 'packages/marketplace/generated/client';

let root: string;
test.before(() => {
  root = mkdtempSync(join(process.env.DRYDOCK_TEST_ROOT ?? tmpdir(), 'drydock-turbo-'));
  execFileSync('git', ['clone', '-q', ROOT, root]);
  for (const file of ['turbo.json', 'package.json', 'pnpm-lock.yaml']) cpSync(join(ROOT, file), join(root, file));
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  for (const name of CHECKS) manifest.scripts[name] = `echo ${name}`;
  manifest.scripts.generate = `mkdir -p ${dirname(CLIENT)} && cp prisma/schema.prisma ${CLIENT}`;
  writeFileSync(join(root, 'package.json'), JSON.stringify(manifest));
  execFileSync('git', ['-c', 'user.name=t', '-c', 'user.email=t@example.test', 'commit', '-qam', 'stand-ins'], {
    cwd: root,
  });
});
test.after(() => rmSync(root, { recursive: true, force: true }));

function turbo(args: string[], env: NodeJS.ProcessEnv = {}): string {
  const { status, stdout, stderr } = spawnSync(join(ROOT, 'node_modules/.bin/turbo'), ['run', ...ALL, ...args], {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    env: {
      ...process.env,
      PATH: `${join(ROOT, 'node_modules/.bin')}:${process.env.PATH}`,
      TURBO_TELEMETRY_DISABLED: '1',
      ...env,
    },
  });
  assert.is(status, 0, stderr);
  return stdout;
}

/** Those that would run, and not be taken from the cache. */
function wouldRun(env?: NodeJS.ProcessEnv): string[] {
  const { tasks } = JSON.parse(turbo(['--dry=json'], env)) as { tasks: { task: string; cache: { status: string } }[] };
  return tasks.filter(({ cache }) => cache.status !== 'HIT').map(({ task }) => task);
}

const sorted = (names: readonly string[]) => [...names].sort();

test('where nothing changed, all of it comes from the cache, what was generated as well', () => {
  assert.equal(sorted(wouldRun()), sorted(ALL), 'an empty cache');
  turbo([]);
  assert.equal(wouldRun(), []);
  rmSync(join(root, dirname(CLIENT)), { recursive: true });
  assert.match(turbo([]), `${ALL.length} cached, ${ALL.length} total`);
  assert.ok(existsSync(join(root, CLIENT)), 'its outputs are there again');
});

test('where something changed that a check reads, it runs: edited or new, of the product or of a tool', () => {
  const runs: [file: string, tasks: readonly string[]][] = [
    ['packages/kit/src/index.ts', CHECKS],
    ['packages/kit/src/process/tools.mjs', CHECKS],
    ['packages/marketplace/package.json', CHECKS],
    ['packages/db/src/not-yet-committed.ts', CHECKS],
    ['e2e/flow.ts', CHECKS],
    ['scripts/test/turbo.test.ts', CHECKS],
    ['prisma/schema.prisma', ALL],
    ['drydock.config.ts', CHECKS],
    ['packages/escrow/artifacts/new.json', CHECKS],
    ['pnpm-lock.yaml', ALL],
    ['tsconfig.json', ALL],
    ['biome.json', ALL],
    ['.oxlintrc.json', CHECKS],
    ['pnpm-workspace.yaml', CHECKS],
    ['knip.json', CHECKS],
    ['.github/workflows/ci.yml', ['deadcode']],
    ['.dependency-cruiser.cjs', CHECKS],
    ['packages/db/README.md', []],
    ['README.md', []],
  ];
  for (const [file, tasks] of sampleRounds(runs, 7)) {
    const path = join(root, file);
    const before = existsSync(path) ? readFileSync(path) : undefined;
    appendFileSync(path, '\n');
    const would = wouldRun();
    if (before) writeFileSync(path, before);
    else rmSync(path);
    // What changed in a package may count for all that stands on it, whatever that reads.
    const wanted = tasks.length === 0 ? would : would.filter((name) => tasks.includes(name));
    assert.equal(sorted(wanted), sorted(tasks), file);
  }
  assert.equal(wouldRun(), [], 'and as it was, it is known again');
});

test('a variable that a check obeys is part of what it was, and no other reaches it', () => {
  assert.equal(sorted(wouldRun({ PRISMA_GENERATE_SKIP_AUTOINSTALL: '1' })), sorted(ALL));
  assert.equal(wouldRun({ SOMETHING_ELSE: '1' }), []);
});

test('what works on an environment, or starts services, is never taken from the cache', () => {
  const { tasks } = JSON.parse(readFileSync(join(ROOT, 'turbo.json'), 'utf8')) as {
    tasks: Record<string, { cache?: boolean }>;
  };
  const cached = Object.keys(tasks).filter((name) => tasks[name]?.cache !== false);
  assert.equal(sorted(cached), sorted(ALL.map((name) => `//#${name}`)));
});

test.run();
