import { copyFileSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Environment } from '@drydock/kit';
import type { ReleaseConfig } from '../config.ts';
import type { Descriptor, Layout } from './layout.ts';
import { skopeo } from './skopeo.ts';

/** What is used of the config of an image. */
export interface ImageConfig {
  config?: { Env?: string[] };
  rootfs: { diff_ids: string[] };
}

/** The layers of a base image, copied into the layout of ours, and its config. */
export async function fetchBase(
  layout: Layout,
  input: { base: string; release: ReleaseConfig; environment: Environment; scratch: string; signal: AbortSignal },
): Promise<{ config: ImageConfig; layers: Descriptor[] }> {
  const { base, release, scratch, signal } = input;
  const folder = join(scratch, 'base-image');
  const tls = release.image.insecure ? ['--src-tls-verify=false'] : [];
  const host = base.split('/')[0] ?? '';
  await skopeo(['copy', '--quiet', ...tls, `docker://${base}`, `oci:${folder}:base`], input, { host, signal });
  const read = (digest: string) => JSON.parse(readFileSync(blob(folder, digest), 'utf8'));
  const index = JSON.parse(readFileSync(join(folder, 'index.json'), 'utf8')) as { manifests: Descriptor[] };
  const manifest = read(index.manifests[0]?.digest ?? '') as { config: Descriptor; layers: Descriptor[] };
  for (const layer of manifest.layers)
    if (!existsSync(layout.pathOf(layer))) copyFileSync(blob(folder, layer.digest), layout.pathOf(layer));
  return { config: read(manifest.config.digest) as ImageConfig, layers: manifest.layers };
}

function blob(folder: string, digest: string): string {
  return join(folder, 'blobs', digest.replace(':', '/'));
}
