import { spawnSync } from 'node:child_process';
import { findTool } from '../../packages/kit/src/process/tools.mjs';
import { SetupError, say } from './setup.mjs';

const CLIENT = { tool: 'pg_dump', apt: 'postgresql-client', brew: 'postgresql@17', what: 'PostgreSQL client' };
const AGE = { tool: 'age', apt: 'age', brew: 'age', what: 'age' };

/** Of whoever works on a database that is elsewhere, as a scheduled job does: nothing that serves, no browser. */
export const FOR_OPERATORS = [CLIENT, AGE];
/** Of the sandbox. */
export const NEEDED = [
  { tool: 'postgres', apt: 'postgresql', brew: 'postgresql@17', what: 'PostgreSQL server' },
  CLIENT,
  { tool: 'redis-server', apt: 'redis-server', brew: 'redis', what: 'Redis' },
  { tool: 'haproxy', apt: 'haproxy', brew: 'haproxy', what: 'HAProxy' },
  { tool: 'runsvdir', apt: 'runit', brew: 'runit', what: 'runit' },
];
export const FOR_TESTS = [
  { tool: 'chromium', apt: 'chromium', brew: '--cask chromium', what: 'Chromium' },
  AGE,
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
        // What locales are made from, for a server that speaks another language.
        { tool: 'locale-gen', apt: 'locales', brew: 'glibc', what: 'locales' },
        // A second S3, that of Ceph.
        { tool: 'ceph-mon', apt: 'ceph-mon', brew: 'ceph', what: "Ceph's monitor" },
        { tool: 'ceph-osd', apt: 'ceph-osd', brew: 'ceph', what: "Ceph's store" },
        { tool: 'radosgw', apt: 'radosgw', brew: 'ceph', what: "Ceph's gateway" },
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

/** Those that are missing, by the system's own installer; where that cannot be, the command to type is said. */
export function installTools(tools) {
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
