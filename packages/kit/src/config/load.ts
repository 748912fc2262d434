import { existsSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { usageError } from '../errors.ts';
import { command, hint } from '../hint.ts';
import { configuredPath } from '../state/folder.ts';
import type { CheckedConfig } from './check.ts';
import { importConfig } from './import.ts';
import { refuseUntrusted } from './trust.ts';

/** The first is the one that texts speak of. */
const FILES = ['drydock.config.ts', 'drydock.config.mts', 'drydock.config.js', 'drydock.config.mjs'];
const FILE = 'drydock.config.ts';

export interface LoadedConfig extends CheckedConfig {
  /** Folder of the config file: the product's root. All relative paths start here. */
  readonly root: string;
  readonly file: string;
  path(relative: string): string;
}

/**
 * Loads `--config FILE` (or its folder), or the nearest drydock.config.ts (.mts, .js, .mjs) from `cwd` upward, as far as the repository's
 * root or the home. One that others may write is refused, every bad key is named (exit 2).
 */
export async function loadConfig(typed: string | undefined, cwd: string): Promise<LoadedConfig> {
  const found = typed === undefined ? nearest(cwd, FILES) : configAt(resolve(cwd, typed));
  if (!found || !existsSync(found)) {
    throw usageError(
      'CONFIG_MISSING',
      typed === undefined ? `No ${FILE} in ${cwd} or any folder above it.` : `The config file ${found} does not exist.`,
      hint`In the product's folder, ${command('init')} writes one. From elsewhere, point to it with --config FILE; the search ends at the repository's root or your home.`,
    );
  }
  refuseUntrusted(found);
  return configFrom(await importDefault(found), found);
}

/** For what works before there is a config: it, or one that says nothing, for the product whose folder this is. */
export async function loadConfigOrNone(typed: string | undefined, cwd: string): Promise<LoadedConfig> {
  const manifest = nearest(cwd, ['package.json']);
  const file =
    typed === undefined
      ? (nearest(cwd, FILES) ?? join(manifest ? dirname(manifest) : cwd, FILE))
      : configAt(resolve(cwd, typed));
  if (existsSync(file)) return loadConfig(file, cwd);
  const root = dirname(file);
  if (!existsSync(root))
    throw usageError('FOLDER_MISSING', `There is no folder ${root}.`, 'Name the folder of a product.');
  return configFrom({ product: basename(root) || 'product' }, file);
}

/** The checked config of what `file` exports, or would. */
export async function configFrom(written: unknown, file: string): Promise<LoadedConfig> {
  const { checkConfig } = await import('./check.ts');
  const root = dirname(file);
  return { ...(await checkConfig(written, file)), root, file, path: (relative) => configuredPath(root, relative) };
}

function configAt(path: string): string {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ? (oneOf(path, FILES) ?? join(path, FILE)) : path;
}

/** What lies above the repository or the home, and in `/`, was put there by who knows whom. */
function nearest(folder: string, names: readonly string[]): string | undefined {
  const parent = dirname(folder);
  if (parent === folder) return undefined;
  const file = oneOf(folder, names);
  if (file) return file;
  return existsSync(join(folder, '.git')) || folder === homedir() ? undefined : nearest(parent, names);
}

/** Two would be two truths. */
function oneOf(folder: string, names: readonly string[]): string | undefined {
  const [name, second] = names.filter((one) => existsSync(join(folder, one)));
  if (!second) return name && join(folder, name);
  throw usageError(
    'CONFIG_TWICE',
    `${folder} has both ${name} and ${second}.`,
    'Take one of them away, or say which: --config FILE',
  );
}

async function importDefault(file: string): Promise<unknown> {
  let module: { default?: unknown };
  try {
    module = await importConfig(file);
  } catch (cause) {
    const reason = cause instanceof Error ? (cause.message.split('\n')[0] ?? '') : String(cause);
    throw usageError(
      'CONFIG_BROKEN',
      `${file} cannot be loaded: ${reason}`,
      'Mend the file; node FILE shows where it stops.',
    );
  }
  if (module.default === undefined) {
    throw usageError('CONFIG_BROKEN', `${file} has no default export.`, 'End it with: export default { … }');
  }
  return module.default;
}
