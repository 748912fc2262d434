// Plain JavaScript without dependencies: the bootstrap uses it before anything is installed.
import { execFileSync } from 'node:child_process';
import { accessSync, constants, existsSync, readdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';

const BREW = ['/opt/homebrew', '/usr/local'];

/** Folders that are searched besides PATH, per tool. */
const EXTRA = {
  postgres: postgresFolders,
  initdb: postgresFolders,
  pg_dump: postgresFolders,
  pg_dumpall: postgresFolders,
  pg_restore: postgresFolders,
  psql: postgresFolders,
  pgbouncer: () => ['/usr/sbin', ...BREW.map((prefix) => join(prefix, 'bin'))],
  pgbackrest: () => ['/usr/bin', ...BREW.map((prefix) => join(prefix, 'bin'))],
  'redis-server': () => ['/usr/bin', ...BREW.map((prefix) => join(prefix, 'bin'))],
  prometheus: () => ['/usr/bin', ...BREW.map((prefix) => join(prefix, 'bin'))],
  promtool: () => ['/usr/bin', ...BREW.map((prefix) => join(prefix, 'bin'))],
  alertmanager: () => ['/usr/bin', ...BREW.map((prefix) => join(prefix, 'bin'))],
  amtool: () => ['/usr/bin', ...BREW.map((prefix) => join(prefix, 'bin'))],
  haproxy: () => ['/usr/sbin', '/usr/local/sbin', ...BREW.map((prefix) => join(prefix, 'bin'))],
  dockerd: () => ['/usr/sbin'],
  'locale-gen': () => ['/usr/sbin'],
  ip: () => ['/usr/sbin', '/sbin'],
  chromium: () => [
    '/usr/bin',
    '/Applications/Google Chrome.app/Contents/MacOS',
    '/Applications/Chromium.app/Contents/MacOS',
  ],
};
const ALIASES = {
  // GNU tar, by its name on macOS, comes first.
  tar: ['gtar', 'tar'],
  'redis-server': ['redis-server', 'valkey-server'],
  // Debian's name for it comes first: another package may have the plain one.
  alertmanager: ['prometheus-alertmanager', 'alertmanager'],
  chromium: ['chromium', 'chromium-browser', 'google-chrome', 'Google Chrome', 'Chromium'],
};

/** Newest PostgreSQL first: Debian keeps each major version in a folder that is not on PATH. */
function postgresFolders() {
  const debian = '/usr/lib/postgresql';
  const versions = existsSync(debian) ? readdirSync(debian).sort((a, b) => Number(b) - Number(a)) : [];
  const brew = BREW.flatMap((prefix) => {
    const opt = join(prefix, 'opt');
    const kegs = existsSync(opt) ? readdirSync(opt).filter((name) => name.startsWith('postgresql')) : [];
    return kegs
      .sort()
      .reverse()
      .map((keg) => join(opt, keg, 'bin'));
  });
  return [...versions.map((version) => join(debian, version, 'bin')), ...brew];
}

/** Path of an executable, or undefined. Costs a few file look-ups, starts nothing. */
export function findTool(name) {
  const override = process.env[`${name.toUpperCase().replaceAll('-', '_')}_PATH`];
  if (override && isExecutable(override)) return override;
  const folders = [...(EXTRA[name]?.() ?? []), ...(process.env.PATH ?? '').split(delimiter)];
  for (const alias of ALIASES[name] ?? [name]) {
    for (const folder of folders) {
      const path = join(folder, alias);
      if (folder && isExecutable(path)) return path;
    }
  }
  return undefined;
}

/** First version number that the tool prints of itself. */
export function toolVersion(path, flag = '--version') {
  try {
    const text = execFileSync(path, [flag], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], timeout: 10_000 });
    return /\d+(\.\d+)+/.exec(text)?.[0];
  } catch {
    return undefined;
  }
}

function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
