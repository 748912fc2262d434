#!/usr/bin/env node
// Sets a machine up and hands over to a task: plain JavaScript, no dependency, Node 18 or later.
//   node scripts/bootstrap.mjs [start|test] [arguments of the task]
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findTool } from '../packages/kit/src/process/tools.mjs';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const STAMP = join(ROOT, 'node_modules', '.drydock-bootstrap.json');
const TASKS = { start: 'scripts/start.ts', test: 'scripts/check.ts' };
const NEEDED = [
  { tool: 'postgres', apt: 'postgresql', brew: 'postgresql@17', what: 'PostgreSQL server' },
  { tool: 'pg_dump', apt: 'postgresql-client', brew: 'postgresql@17', what: 'PostgreSQL client' },
  { tool: 'redis-server', apt: 'redis-server', brew: 'redis', what: 'Redis' },
  { tool: 'haproxy', apt: 'haproxy', brew: 'haproxy', what: 'HAProxy' },
  { tool: 'runsvdir', apt: 'runit', brew: 'runit', what: 'runit' },
];
const FOR_TESTS = [
  { tool: 'chromium', apt: 'chromium', brew: '--cask chromium', what: 'Chromium' },
  { tool: 'age', apt: 'age', brew: 'age', what: 'age' },
  { tool: 'pass', apt: 'pass', brew: 'pass', what: 'pass' },
  { tool: 'zstd', apt: 'zstd', brew: 'zstd', what: 'zstd' },
  { tool: 'prometheus', apt: 'prometheus', brew: 'prometheus', what: 'Prometheus' },
  { tool: 'promtool', apt: 'prometheus', brew: 'prometheus', what: 'promtool' },
  { tool: 'amtool', apt: 'prometheus-alertmanager', brew: 'alertmanager', what: 'Alertmanager' },
  { tool: 'openssl', apt: 'openssl', brew: 'openssl', what: 'OpenSSL' },
  { tool: 'pgbouncer', apt: 'pgbouncer', brew: 'pgbouncer', what: 'PgBouncer' },
  { tool: 'skopeo', apt: 'skopeo', brew: 'skopeo', what: 'skopeo' },
  { tool: 'ssh-keygen', apt: 'openssh-client', brew: 'openssh', what: 'ssh-keygen' },
  { tool: 'gh', apt: 'gh', brew: 'gh', what: 'GitHub CLI' },
  { tool: 'pgbackrest', apt: 'pgbackrest', brew: 'pgbackrest', what: 'pgBackRest' },
  ...(process.platform === 'linux'
    ? [
        // Kills a process at a chosen system call; only Linux has it.
        { tool: 'strace', apt: 'strace', brew: 'strace', what: 'strace' },
        // Keeps and pushes images.
        { tool: 'docker-registry', apt: 'docker-registry', brew: 'distribution', what: 'docker-registry' },
        // Runs the pod of a manifest, with what waits in it.
        { tool: 'podman', apt: 'podman', brew: 'podman', what: 'podman' },
        { tool: 'catatonit', apt: 'catatonit', brew: 'catatonit', what: 'catatonit' },
        // A swarm of machines that are none, and its images.
        { tool: 'dockerd', apt: 'docker.io', brew: 'docker', what: 'Docker Engine' },
        { tool: 'docker-registry', apt: 'docker-registry', brew: 'docker', what: 'a registry of images' },
        { tool: 'ip', apt: 'iproute2', brew: 'iproute2mac', what: 'iproute2' },
      ]
    : []),
];

class SetupError extends Error {}
const say = (text) => process.stderr.write(`${text}\n`);

function main([task, ...args]) {
  if (Number(process.versions.node.split('.')[0]) < 18)
    throw new SetupError(`Node ${process.versions.node} is too old; install Node 18 or later.`);
  if (task !== undefined && !(task in TASKS))
    throw new SetupError(`There is no task "${task}" to set up for; use start or test.`);
  installPackages();
  installTools(task === 'start' ? NEEDED : [...NEEDED, ...FOR_TESTS]);
  generateClient();
  if (task) handOver(TASKS[task], args);
}

/** pnpm from the lockfile's own version, run from elsewhere: here npx would take the copy it is about to replace. */
function installPackages() {
  const inputs = hash(['pnpm-lock.yaml', 'pnpm-workspace.yaml', 'package.json', ...manifests()]);
  if (readStamp().packages === inputs && existsSync(join(ROOT, 'node_modules', '.bin', 'tsc'))) return;
  const { packageManager } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  say(`Installing packages with ${packageManager}`);
  const result = spawnSync(
    'npx',
    ['--yes', packageManager, '--dir', ROOT, 'install', '--frozen-lockfile', '--reporter=append-only'],
    {
      cwd: tmpdir(),
      stdio: ['ignore', 'pipe', 'pipe'],
      encoding: 'utf8',
      env: { ...process.env, CI: 'true' },
      maxBuffer: 64 * 1024 * 1024,
    },
  );
  if (result.status !== 0) {
    const said = `${result.stdout ?? ''}\n${result.stderr ?? ''}`
      .trim()
      .split('\n')
      .filter((line) => /ERR|error|EACCES|ENOTFOUND/i.test(line))
      .slice(-3)
      .join(' | ');
    throw new SetupError(
      `The packages could not be installed: ${said || result.error?.message || 'npx failed'}. Is the npm registry reachable and the folder writable? Then run it again.`,
    );
  }
  writeStamp({ packages: inputs });
}

function installTools(tools) {
  const missing = tools.filter(({ tool }) => !findTool(tool));
  if (missing.length === 0) return;
  const names = missing.map(({ what }) => what).join(', ');
  const [command, env] = installer(missing);
  if (!command) throw new SetupError(`${names} missing. Install it, for example: ${byHand(missing)}`);
  say(`Installing ${names}: ${command.join(' ')}`);
  if (command.includes('apt-get'))
    run([...command.slice(0, command.indexOf('apt-get')), 'apt-get', 'update', '-qq'], env);
  const status = run(command, env);
  const still = tools.filter(({ tool }) => !findTool(tool));
  if (status === 0 && still.length === 0) return;
  throw new SetupError(
    `${(still.length > 0 ? still : missing).map(({ what }) => what).join(', ')} could not be installed. Install it by hand: ${byHand(missing)}`,
  );
}

function installer(missing) {
  if (findTool('brew')) return [['brew', 'install', ...new Set(missing.flatMap(({ brew }) => brew.split(' ')))], {}];
  if (!findTool('apt-get')) return [undefined, {}];
  const install = [
    'apt-get',
    'install',
    '-y',
    '-qq',
    '--no-install-recommends',
    ...new Set(missing.map(({ apt }) => apt)),
  ];
  // The sandbox runs servers of its own; Debian's need not be started as well.
  const env = { DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
  if (process.getuid?.() === 0) return [install, env];
  return findTool('sudo')
    ? [['sudo', 'env', 'DEBIAN_FRONTEND=noninteractive', 'RUNLEVEL=1', ...install], {}]
    : [undefined, {}];
}

function byHand(missing) {
  const apt = `sudo apt-get install ${[...new Set(missing.map(({ apt }) => apt))].join(' ')}`;
  return process.platform === 'darwin'
    ? `brew install ${[...new Set(missing.map(({ brew }) => brew))].join(' ')}`
    : apt;
}

function run([program, ...args], env) {
  const { status, error } = spawnSync(program, args, {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, ...env },
  });
  return error ? 1 : status;
}

/** The database client is made from the schema, and made again when the schema or Prisma changed. */
function generateClient() {
  const inputs = hash(['prisma/schema.prisma', 'pnpm-lock.yaml']);
  if (readStamp().client === inputs && existsSync(join(ROOT, 'packages/marketplace/generated/prisma/client.ts')))
    return;
  say('Generating the database client');
  const result = spawnSync(join(ROOT, 'node_modules', '.bin', 'prisma'), ['generate'], {
    cwd: ROOT,
    encoding: 'utf8',
    env: withPinnedNode(),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  if (result.status !== 0)
    throw new SetupError(
      `prisma generate failed: ${(result.stderr || result.stdout || String(result.error)).trim().split('\n').at(-1)}`,
    );
  writeStamp({ client: inputs });
}

/** Ends as the task ends: same signals in, same exit code out. */
function handOver(script, args) {
  const child = spawn(pinnedNode(), [join(ROOT, script), ...args], {
    cwd: ROOT,
    stdio: 'inherit',
    env: withPinnedNode(),
  });
  // The terminal sends Ctrl-C to the task as well; it decides when to end.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'])
    process.on(signal, () => signal !== 'SIGINT' && child.kill(signal));
  child.on('error', (error) => fail(new SetupError(`The task could not be started: ${error.message}.`)));
  child.on('exit', (code, signal) => {
    process.exitCode = code ?? (signal === 'SIGINT' ? 130 : 143);
  });
}

/** The Node of the lockfile; where it has no build for this machine, the machine's own, if it is new enough. */
function pinnedNode() {
  const pinned = join(ROOT, 'node_modules', '.bin', 'node');
  if (existsSync(pinned)) return pinned;
  if (Number(process.versions.node.split('.')[0]) >= 24) return process.execPath;
  throw new SetupError(
    `There is no pinned Node for ${process.platform}-${process.arch}; install Node 24 and run it again.`,
  );
}

function withPinnedNode() {
  return { ...process.env, PATH: `${join(ROOT, 'node_modules', '.bin')}:${process.env.PATH ?? ''}` };
}

function manifests() {
  return readdirSync(join(ROOT, 'packages'))
    .map((name) => join('packages', name, 'package.json'))
    .filter((file) => existsSync(join(ROOT, file)));
}

function hash(files) {
  const total = createHash('sha256').update(`${process.platform} ${process.arch}`);
  for (const file of files) total.update(file).update(readFileSync(join(ROOT, file)));
  return total.digest('hex');
}

function readStamp() {
  return existsSync(STAMP) ? JSON.parse(readFileSync(STAMP, 'utf8')) : {};
}

function writeStamp(part) {
  mkdirSync(dirname(STAMP), { recursive: true });
  writeFileSync(STAMP, JSON.stringify({ ...readStamp(), ...part }));
}

function fail(error) {
  if (!(error instanceof SetupError)) throw error;
  say(error.message);
  process.exitCode = 2;
}

try {
  main(process.argv.slice(2));
} catch (error) {
  fail(error);
}
