import { constants, existsSync, realpathSync } from 'node:fs';
import { chmod, copyFile, link } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import { type LoadedConfig, makeFolder, renameDurably, toolVersion, usageError } from '@drydock/kit';

/** The Node that the config names for the product, or undefined where it is the toolkit's. */
export function configuredNode(config: LoadedConfig, node: string | undefined): string | undefined {
  if (node === undefined) return undefined;
  const path = isAbsolute(node) ? node : config.path(node);
  if (toolVersion(path) !== undefined) return path;
  throw usageError(
    'NODE_MISSING',
    `release.app.node names ${path}, which is no Node that runs here.`,
    'Install it there, or leave the key out: then it is the one that the toolkit runs under.',
  );
}

/** A copy of ours that is there when this checkout is gone: an instance that crashes is started again with it. */
export async function keptNode(programs: string): Promise<string> {
  const folder = join(programs, `${process.version}-${process.platform}-${process.arch}`);
  const file = join(folder, 'node');
  if (existsSync(file)) return file;
  makeFolder(folder);
  const beside = `${file}.${process.pid}.new`;
  const ours = realpathSync(process.execPath);
  try {
    await link(ours, beside);
  } catch {
    // On another disk, or where links are not to be had.
    await copyFile(ours, beside, constants.COPYFILE_FICLONE);
    await chmod(beside, 0o755);
  }
  renameDurably(beside, file);
  return file;
}
