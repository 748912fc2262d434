import { type Dirent, existsSync, readdirSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { basename, dirname, join, sep } from 'node:path';

/** A package that is installed in a tree. */
export interface InstalledPackage {
  name: string;
  version: string;
  /** As its manifest says it. */
  license: string | undefined;
  /** From the root of the tree. */
  folder: string;
}

interface Manifest {
  name?: string;
  version?: string;
  license?: unknown;
  dependencies?: Record<string, string>;
  devDependencies?: Record<string, string>;
  optionalDependencies?: Record<string, string>;
  peerDependencies?: Record<string, string>;
  peerDependenciesMeta?: Record<string, { optional?: boolean }>;
}

/** Every package that lies in a `node_modules` of the tree, by folder. */
export function installedPackages(root: string): InstalledPackage[] {
  return foldersOfPackages(root, true).flatMap((folder) => {
    const { name, version, license } = manifestOf(join(root, folder)) ?? {};
    if (!name || !version) return [];
    return [{ name, version, license: typeof license === 'string' ? license : undefined, folder }];
  });
}

/**
 * Takes out what no package of the product asks for, neither itself nor through others: a package manager links an optional peer
 * wherever the workspace happens to have it (the compiler and the CLI beside a client), although nobody asked for it to be installed
 * with the product. `own`: folders of the product's packages; their dependencies of every kind stay where they are installed, those of
 * `development` where it says so. Returns the names of what went.
 */
export function dropUnasked(root: string, own: string[], { development = true } = {}): string[] {
  const top = realpathSync(root);
  const kept = closureOf(
    top,
    own.map((folder) => join(top, folder)),
    development,
  );
  const gone = foldersOfPackages(top, false).filter((folder) => !kept.has(join(top, folder)));
  const names = gone.map((folder) => folder.split('node_modules/').at(-1) ?? folder);
  for (const folder of gone) rmSync(placeOf(top, folder, kept), { recursive: true, force: true });
  return [...new Set(names)].sort();
}

/** Folders with a manifest outside every `node_modules`: the product's own packages. */
export function ownPackages(root: string, below = ''): string[] {
  const entries = readdirSync(join(root, below), { withFileTypes: true });
  const here = entries.some((entry) => entry.name === 'package.json' && entry.isFile()) ? [below] : [];
  const deeper = entries.filter(
    (entry) => entry.isDirectory() && entry.name !== 'node_modules' && entry.name !== '.git',
  );
  return [...here, ...deeper.flatMap((entry) => ownPackages(root, join(below, entry.name)))];
}

/** Real folders of all that is asked for, found as Node finds it. */
function closureOf(top: string, own: string[], development: boolean): Set<string> {
  const kept = new Set<string>();
  const next = own.map((folder) => ({ folder, isOwn: true }));
  for (let at = next.pop(); at; at = next.pop()) {
    if (kept.has(at.folder)) continue;
    kept.add(at.folder);
    for (const name of askedBy(manifestOf(at.folder) ?? {}, at.isOwn, development)) {
      const folder = resolvePackage(top, at.folder, name);
      // A package of the workspace is the product's own, but what it needs to be developed is not.
      if (folder) next.push({ folder, isOwn: false });
    }
  }
  return kept;
}

function askedBy(manifest: Manifest, isOwn: boolean, development: boolean): string[] {
  const { dependencies, devDependencies, optionalDependencies, peerDependencies = {}, peerDependenciesMeta } = manifest;
  const peers = Object.keys(peerDependencies).filter((name) => isOwn || !peerDependenciesMeta?.[name]?.optional);
  const own = isOwn && development ? devDependencies : {};
  return [...Object.keys({ ...dependencies, ...optionalDependencies, ...own }), ...peers];
}

function resolvePackage(top: string, from: string, name: string): string | undefined {
  for (let folder = from; folder.startsWith(top); folder = dirname(folder)) {
    const candidate = join(folder, 'node_modules', name);
    if (existsSync(join(candidate, 'package.json'))) return realpathSync(candidate);
    if (folder === top) return undefined;
  }
  return undefined;
}

/** With a store of links (`.pnpm/x@1.0.0/node_modules/x`) the folder around it goes too, if nothing in it is kept. */
function placeOf(top: string, folder: string, kept: ReadonlySet<string>): string {
  const [store, id] = folder.split(`${sep}.pnpm${sep}`);
  if (id === undefined) return join(top, folder);
  const around = join(top, store ?? '', '.pnpm', id.split(sep)[0] ?? '');
  return [...kept].some((path) => path.startsWith(`${around}${sep}`)) ? join(top, folder) : around;
}

/** Where packages lie, in `node_modules` and scopes in them. `deep`: also what a package carries inside of itself, elsewhere. */
function foldersOfPackages(root: string, deep: boolean): string[] {
  const found: string[] = [];
  const visit = (folder: string, kind: 'own' | 'modules' | 'package') => {
    for (const entry of entriesOf(join(root, folder))) {
      if (!entry.isDirectory()) continue;
      const path = folder ? join(folder, entry.name) : entry.name;
      if (entry.name === 'node_modules') visit(path, 'modules');
      else if (kind === 'modules' && entry.name.startsWith('@')) visit(path, 'modules');
      else if (kind === 'modules' && entry.name === '.pnpm') visit(path, 'own');
      else if (kind === 'modules' && existsSync(join(root, path, 'package.json'))) {
        found.push(path);
        visit(path, 'package');
      } else if (kind === 'own' || (deep && kind === 'package')) visit(path, kind);
    }
  };
  visit('', 'own');
  return found.sort();
}

/** Links in `node_modules` to what is not there any more, and folders of package managers that are empty now. */
export function dropDeadLinks(root: string): void {
  const visit = (folder: string, inModules: boolean) => {
    for (const entry of entriesOf(folder)) {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) {
        visit(path, inModules || entry.name === 'node_modules');
        const isPlace = PLACES.test(entry.name) || basename(folder) === '.pnpm';
        if (isPlace && entriesOf(path).length === 0) rmSync(path, { recursive: true });
      } else if (inModules && entry.isSymbolicLink() && !existsSync(path)) rmSync(path);
    }
  };
  visit(root, false);
}

/** Folders that are there for what is in them. */
const PLACES = /^(@.*|\.bin|\.pnpm|node_modules)$/;

function entriesOf(folder: string): Dirent[] {
  return readdirSync(folder, { withFileTypes: true });
}

function manifestOf(folder: string): Manifest | undefined {
  try {
    return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest;
  } catch {
    // What has no manifest that can be read asks for nothing, and is no package.
    return undefined;
  }
}
