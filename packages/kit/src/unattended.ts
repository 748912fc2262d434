import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import type { LoadedConfig } from './config/load.ts';
import { INSTALLED, TOOLKIT } from './toolkit.ts';

/** How a crontab, a unit, a workflow or a pod starts tasks, where nobody types. */

/** The folder in which it does: that of the product that has the toolkit installed, or the toolkit's own. */
export function homeOf({ root }: Pick<LoadedConfig, 'root'>): string {
  return INSTALLED ? root : TOOLKIT;
}

/** Nothing is fetched where the toolkit is not installed: a package of that name may be anybody's. */
export function taskWords(task: string, args: readonly string[], { quiet = false } = {}): string[] {
  if (INSTALLED) return ['npx', '--no', 'drydock', task, ...args];
  return ['npm', 'run', ...(quiet ? ['-s'] : []), task, '--', ...args];
}

/** What a runner does first in a fresh checkout, in `homeOf`. */
export function setUpLine(config: Pick<LoadedConfig, 'root'>): string {
  return INSTALLED ? installLine(config.root) : 'node scripts/bootstrap.mjs';
}

/** Where `homeOf` is in its repository; undefined at its top. */
export function folderInRepository({ root }: Pick<LoadedConfig, 'root'>): string | undefined {
  const top = INSTALLED ? upTo(root, (folder) => existsSync(join(folder, '.git'))) : undefined;
  return (top && relative(top, root)) || undefined;
}

/** By the lockfile that the repository has. */
export function installLine(root: string): string {
  const lockfile = (name: string) => upTo(root, (folder) => existsSync(join(folder, name)));
  if (lockfile('pnpm-lock.yaml')) return 'corepack enable && pnpm install --frozen-lockfile';
  const yarn = lockfile('yarn.lock');
  if (yarn) {
    const isClassic = readFileSync(join(yarn, 'yarn.lock'), 'utf8').includes('# yarn lockfile v1');
    return `corepack enable && yarn install ${isClassic ? '--frozen-lockfile' : '--immutable'}`;
  }
  return lockfile('package-lock.json') || lockfile('npm-shrinkwrap.json') ? 'npm ci' : 'npm install';
}

/** The nearest folder upward, as far as the top of the repository. */
function upTo(folder: string, isMeant: (folder: string) => boolean): string | undefined {
  if (isMeant(folder)) return folder;
  const parent = dirname(folder);
  return parent === folder || existsSync(join(folder, '.git')) ? undefined : upTo(parent, isMeant);
}
