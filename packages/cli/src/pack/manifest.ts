import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { type Modules, ownerOf } from './modules.ts';
import { type Package, packagesOf } from './packages.ts';

/** Large, and wanted by products with a chain alone: a task that needs one says how to install it. */
const ON_DEMAND = ['viem', 'ox', '@noble/hashes'];
const BIN = './bin/drydock.cjs';

/** The package.json of the one package. `onDemand`: what is not installed by itself, in the versions that were tried, together as it is needed. */
export function manifestOf(toolkit: string, modules: Modules): object {
  const packages = packagesOf(toolkit);
  const { version, description } = packages.find(({ folder }) => folder === '.')?.manifest ?? {};
  const { dependencies, onDemand } = needsOf(toolkit, packages, modules);
  const peers = onDemand.flatMap(Object.keys);
  return {
    name: 'drydock',
    version,
    description,
    type: 'module',
    bin: { drydock: BIN },
    main: './index.cjs',
    types: './index.d.ts',
    exports: {
      '.': {
        import: { types: './index.d.ts', default: './index.js' },
        require: { types: './index.d.cts', default: './index.cjs' },
      },
      './package.json': './package.json',
    },
    engines: { node: '>=18' },
    dependencies,
    // Whichever version a product has of it, nothing here stands in its way.
    peerDependencies: Object.fromEntries(peers.map((name) => [name, '*'])),
    peerDependenciesMeta: Object.fromEntries(peers.map((name) => [name, { optional: true }])),
    onDemand,
  };
}

interface Needs {
  dependencies: Record<string, string>;
  onDemand: Record<string, string>[];
}

function needsOf(toolkit: string, packages: readonly Package[], { files, imported }: Modules): Needs {
  const catalog = catalogOf(toolkit);
  const versions = new Map<string, string>();
  const isLater = new Set(ON_DEMAND);
  for (const { folder, manifest } of packages) {
    const { dependencies = {}, devDependencies = {} } = manifest;
    const declared = { ...devDependencies, ...dependencies };
    const own = [...files].filter(([file]) => ownerOf(file) === folder).map(([, code]) => code);
    const found = [...imported].filter(([, owners]) => owners.has(folder)).map(([name]) => name);
    // What is looked up rather than imported.
    const resolved = Object.keys(declared).filter((name) => own.some((code) => code.includes(`resolve('${name}`)));
    for (const name of new Set([...found, ...resolved])) {
      const version = exact(name, declared[name], catalog);
      if ((versions.get(name) ?? version) !== version) throw new Error(`Two versions of ${name} are asked for.`);
      versions.set(name, version);
      // A checkout has it for its tests; whoever needs it elsewhere installs it.
      if (dependencies[name] === undefined) isLater.add(name);
    }
  }
  const sorted = [...versions].sort(([a], [b]) => (a < b ? -1 : 1));
  const later = sorted.filter(([name]) => isLater.has(name));
  return {
    dependencies: Object.fromEntries(sorted.filter(([name]) => !isLater.has(name))),
    onDemand: [
      Object.fromEntries(later.filter(([name]) => ON_DEMAND.includes(name))),
      ...later.filter(([name]) => !ON_DEMAND.includes(name)).map((one) => Object.fromEntries([one])),
    ],
  };
}

function exact(name: string, declared: string | undefined, catalog: Record<string, string>): string {
  const version = declared === 'catalog:' ? catalog[name] : declared;
  if (version && /^\d/.test(version)) return version;
  throw new Error(`${name} is imported, and no package.json names an exact version of it.`);
}

function catalogOf(toolkit: string): Record<string, string> {
  const workspace = parse(readFileSync(join(toolkit, 'pnpm-workspace.yaml'), 'utf8')) as {
    catalog?: Record<string, string>;
  };
  return workspace.catalog ?? {};
}

interface Lockfile {
  packages: Record<string, { resolution?: { integrity?: string } }>;
}

/** The pinned Node, by platform: its package, version and integrity as the lockfile has them. */
export function runtimeOf(toolkit: string): Record<string, { name: string; version: string; integrity: string }> {
  const { manifest } = packagesOf(toolkit).find(({ folder }) => folder === '.') ?? {};
  const lock = parse(readFileSync(join(toolkit, 'pnpm-lock.yaml'), 'utf8')) as Lockfile;
  return Object.fromEntries(
    Object.entries(manifest?.optionalDependencies ?? {}).map(([name, version]) => {
      const [, place] = /^node-(?:bin-)?([a-z0-9]+-[a-z0-9]+)$/.exec(name) ?? [];
      const integrity = lock.packages[`${name}@${version}`]?.resolution?.integrity;
      if (!place || !integrity) throw new Error(`${name}@${version} is no Node of the lockfile.`);
      return [place, { name, version, integrity }];
    }),
  );
}
