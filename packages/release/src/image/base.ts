import { chmodSync, copyFileSync, mkdirSync, realpathSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { packTree } from '../artifact/tar.ts';
import type { Layer, Layout } from './layout.ts';
import { librariesOf } from './libraries.ts';

export const NODE = '/usr/local/bin/node';

/**
 * What lies below the product where no base image is named: Node, the libraries that it and compiled packages load, and who is who.
 * No shell, no package manager. In a folder of its own, so that it is the same layer for every version.
 */
export async function baseLayers(
  layout: Layout,
  {
    node,
    addons,
    uid,
    scratch,
    signal,
  }: { node: string; addons: string[]; uid: number; scratch: string; signal: AbortSignal },
): Promise<Layer[]> {
  const root = join(scratch, 'base');
  const put = (from: string, to: string) => {
    mkdirSync(dirname(join(root, to)), { recursive: true });
    copyFileSync(realpathSync(from), join(root, to));
    chmodSync(join(root, to), 0o755);
  };
  put(node, NODE);
  for (const library of await librariesOf([node], addons, signal)) put(library, library);
  const files: Record<string, string> = {
    'etc/passwd': `root:x:0:0:root:/:/nologin\napp:x:${uid}:${uid}:app:/tmp:/nologin\n`,
    'etc/group': `root:x:0:\napp:x:${uid}:\n`,
    'etc/nsswitch.conf': 'passwd: files\ngroup: files\nhosts: files dns\n',
  };
  for (const [file, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, file)), { recursive: true });
    writeFileSync(join(root, file), text);
  }
  const tmp = join(scratch, 'tmp');
  mkdirSync(join(tmp, 'tmp'), { recursive: true });
  return [
    await layout.addLayer(packTree(root, { time: 0, signal }), signal),
    await layout.addLayer(packTree(tmp, { time: 0, mode: 'a=rwxt', signal }), signal),
  ];
}
