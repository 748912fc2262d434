import { constants, existsSync, readFileSync, realpathSync } from 'node:fs';
import { chmod, copyFile, link } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import { type LoadedConfig, makeFolder, renameDurably, toolVersion, usageError } from '@drydock/kit';
import { satisfies, validRange } from 'semver';

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

/** What versions run under, and how that is told. */
export function nodeOfVersions(config: LoadedConfig, node: string | undefined): { version: string; says: string } {
  const path = configuredNode(config, node);
  const version = path === undefined ? process.version : `v${toolVersion(path)}`;
  return { version, says: path === undefined ? `${version}, a copy of the toolkit's` : `${version}, ${path}` };
}

/** What the product says that it wants, and where: as nvm, fnm and others read it, or npm. */
function wantedNode(root: string): { range: string; file: string } | undefined {
  const read = (file: string) => {
    const path = join(root, file);
    return existsSync(path) ? readFileSync(path, 'utf8') : '';
  };
  for (const file of ['.nvmrc', '.node-version']) {
    // `lts/jod` and `node` say no number.
    const range = validRange(read(file).trim());
    if (range && range !== '*') return { range, file };
  }
  const range = validRange(enginesIn(read('package.json')));
  return range ? { range, file: 'package.json' } : undefined;
}

function enginesIn(manifest: string): string | null {
  try {
    const { engines } = JSON.parse(manifest) as { engines?: { node?: string } };
    return engines?.node ?? null;
  } catch {
    // One that is not there, or no JSON, wants nothing.
    return null;
  }
}

/** That it is another one is no fault of most products; compiled add-ons of one Node do not load in another. */
export function nodeQuestion(
  config: LoadedConfig,
  node: string | undefined,
  env: string,
  warn: (text: string) => void,
) {
  return {
    about: 'Node that the product wants',
    async ask(): Promise<string> {
      const wanted = wantedNode(config.root);
      if (!wanted) return 'it does not say';
      const { version, says } = nodeOfVersions(config, node);
      if (!satisfies(version, wanted.range))
        warn(
          `The product wants Node ${wanted.range} (${wanted.file}) and would run under ${says} on ${env}: compiled add-ons of one do not load in the other. release.app.node names another.`,
        );
      return `${wanted.range}, ${wanted.file}`;
    },
  };
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
