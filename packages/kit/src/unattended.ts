import { existsSync, readFileSync } from 'node:fs';
import { dirname, isAbsolute, join, relative } from 'node:path';
import type { LoadedConfig } from './config/load.ts';
import { findTool } from './process/tools.mjs';
import { posixLine, posixWord } from './shell-word.ts';
import { INSTALLED, TOOLKIT } from './toolkit.ts';

/** How a crontab, a unit, a workflow or a pod starts tasks, where nobody types. */

/** The folder in which it does: that of the product that has the toolkit installed, or the toolkit's own. */
export function homeOf({ root }: Pick<LoadedConfig, 'root'>): string {
  return INSTALLED ? root : TOOLKIT;
}

/** `--config` for a task that is started from `folder`, where `homeOf` lies on the host that is meant; undefined where it finds its config by itself. */
export function configFile(config: Pick<LoadedConfig, 'root' | 'file'>, folder: string): string | undefined {
  const way = wayToConfig(config);
  return way === undefined || !way.startsWith('..') ? way : movedTo(folder, config, config.file);
}

/** The way from `homeOf` to the config, where a task would not find it by itself. */
export function wayToConfig(config: Pick<LoadedConfig, 'root' | 'file'>): string | undefined {
  const way = relative(homeOf(config), config.file);
  // As tasks look for it.
  return /^drydock\.config\.m?[jt]s$/.test(way) ? undefined : way;
}

/** A path of this machine on the host where `homeOf` lies in `folder`. */
export function movedTo(folder: string, config: Pick<LoadedConfig, 'root'>, path: string): string {
  const home = homeOf(config);
  if (path === home) return folder;
  return isInside(path, home) ? join(folder, relative(home, path)) : path;
}

export function isInside(path: string, folder: string): boolean {
  const way = relative(folder, path);
  return way !== '' && !way.startsWith('..') && !isAbsolute(way);
}

/**
 * Nothing is fetched where the toolkit is not installed: a package of that name may be anybody's. Nor does npm ask its registry for a newer npm,
 * which it would wait five minutes for.
 */
export function taskWords(task: string, args: readonly string[], { quiet = false } = {}): string[] {
  if (INSTALLED) return ['npx', '--no', '--update-notifier=false', 'drydock', task, ...args];
  return ['npm', 'run', ...(quiet ? ['-s'] : []), task, '--', ...args];
}

/**
 * Where programs are looked for that are started from `homeOf`: the pinned Node, what the product has installed, the usual places; and
 * where npm is here, for many have it below their home (nvm, asdf, volta).
 */
export function searchPath(home: string): string {
  const npm = findTool('npx');
  return [...new Set([join(home, 'node_modules/.bin'), ...USUAL, ...(npm ? [dirname(npm)] : [])])].join(':');
}

const USUAL = ['/usr/local/bin', '/usr/bin', '/bin'];

/** What stands behind the time in a crontab. cron knows neither a folder nor where programs are, and an unescaped % ends its line: crontab(5). */
export function cronCommand(home: string, words: string[]): string {
  const line = `cd ${posixWord(home)} && export PATH=${posixWord(searchPath(home))} && exec ${posixLine(words)}`;
  return line.replaceAll('%', '\\%');
}

/** What a runner does first in a fresh checkout, in `homeOf`; `operate`: with no more than what works on a database elsewhere. */
export function setUpLine(config: Pick<LoadedConfig, 'root'>, what?: 'operate'): string {
  return INSTALLED ? installLine(config.root) : ['node scripts/bootstrap.mjs', ...(what ? [what] : [])].join(' ');
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
