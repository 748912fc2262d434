import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { usageError } from '../errors.ts';
import { configuredPath } from '../state/folder.ts';
import type { CheckedConfig } from './check.ts';
import { refuseUntrusted } from './trust.ts';

const FILE = 'drydock.config.ts';

export interface LoadedConfig extends CheckedConfig {
  /** Folder of the config file: the product's root. All relative paths start here. */
  readonly root: string;
  readonly file: string;
  path(relative: string): string;
}

/**
 * Loads `--config FILE`, or the nearest drydock.config.ts from `cwd` upward, as far as the repository's root or the home. One that
 * others may write is refused, every bad key is named (exit 2).
 */
export async function loadConfig(file: string | undefined, cwd: string): Promise<LoadedConfig> {
  const found = file === undefined ? nearest(cwd) : resolve(cwd, file);
  if (!found || !existsSync(found)) {
    throw usageError(
      'CONFIG_MISSING',
      file === undefined ? `No ${FILE} in ${cwd} or any folder above it.` : `The config file ${found} does not exist.`,
      "The search ends at the repository's root or your home. Run it in the product's folder, or point to the file with --config FILE.",
    );
  }
  refuseUntrusted(found);
  const root = dirname(found);
  const [{ checkConfig }, written] = await Promise.all([import('./check.ts'), importDefault(found)]);
  return {
    ...(await checkConfig(written, found)),
    root,
    file: found,
    path: (relative) => configuredPath(root, relative),
  };
}

/** What lies above the repository or the home, and in `/`, was put there by who knows whom. */
function nearest(folder: string): string | undefined {
  const parent = dirname(folder);
  if (parent === folder) return undefined;
  const file = join(folder, FILE);
  if (existsSync(file)) return file;
  return existsSync(join(folder, '.git')) || folder === homedir() ? undefined : nearest(parent);
}

async function importDefault(file: string): Promise<unknown> {
  let module: { default?: unknown };
  try {
    module = await withoutTypelessWarning(() => import(pathToFileURL(file).href));
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

/** A stranger's package.json need not say "type": "module"; Node's advice on that is not for the operator's eyes. */
async function withoutTypelessWarning<T>(load: () => Promise<T>): Promise<T> {
  const emit = process.emitWarning;
  process.emitWarning = ((warning: string | Error, ...rest: never[]) => {
    if (JSON.stringify(rest).includes('MODULE_TYPELESS_PACKAGE_JSON')) return;
    emit.call(process, warning, ...rest);
  }) as typeof process.emitWarning;
  try {
    return await load();
  } finally {
    process.emitWarning = emit;
  }
}
