import { rmSync, symlinkSync } from 'node:fs';
import { dirname, isAbsolute, join, relative } from 'node:path';
import picomatch from 'picomatch';
import { walkTree } from './tree.ts';

/** What package managers and compilers write down for themselves: times, folders of this machine, addresses of registries. */
const BOOKKEEPING = [
  '**/node_modules/.modules.yaml',
  '**/node_modules/.pnpm-workspace-state*.json',
  '**/node_modules/.package-map.json',
  '**/node_modules/.package-lock.json',
  '**/node_modules/.yarn-integrity',
  '**/node_modules/.yarn-state.yml',
  '**/node_modules/.cache',
  '**/node_modules/.vite',
  '**/node_modules/.vite-temp',
  '**/.pnpm-store',
  '**/.turbo',
  '**/.eslintcache',
  '**/*.tsbuildinfo',
  '**/.next/cache',
  '**/.next/trace',
  // node-gyp: what it compiled stays, how does not.
  '**/node_modules/**/build/config.gypi',
  '**/node_modules/**/build/gyp-mac-tool',
  '**/node_modules/**/build/Makefile',
  '**/node_modules/**/build/*.mk',
  '**/node_modules/**/build/Release/.deps',
  '**/node_modules/**/build/Release/obj',
  '**/node_modules/**/build/Release/obj.target',
];

/** Takes out what differs from build to build and is of no use to the product, and what the config names. */
export function dropNoise(root: string, exclude: string[]): void {
  const isOut = picomatch([...BOOKKEEPING, ...exclude], { dot: true });
  const out = [...walkTree(root)].map(({ path }) => path).filter((path) => isOut(path));
  // What lies in a folder that went is gone with it.
  for (const path of out) rmSync(join(root, path), { recursive: true, force: true });
  shortenLinks(root);
}

/** A link to somewhere in the tree by its whole path leads nowhere once the tree is unpacked elsewhere. */
function shortenLinks(root: string): void {
  for (const { path, kind, target } of walkTree(root)) {
    if (kind !== 'link' || !isAbsolute(target)) continue;
    const inside = relative(root, target);
    if (inside.startsWith('..') || isAbsolute(inside)) continue;
    const link = join(root, path);
    rmSync(link);
    symlinkSync(relative(dirname(link), target) || '.', link);
  }
}
