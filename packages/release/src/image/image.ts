import { lstatSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type Environment, type LoadedConfig, makeStateFolder, temporaryFolder, usageError } from '@drydock/kit';
import { artifactStore } from '../artifact/store.ts';
import { packTree } from '../artifact/tar.ts';
import { walkTree } from '../artifact/tree.ts';
import type { Artifact } from '../artifact/types.ts';
import { type ReleaseConfig, releaseConfig } from '../config.ts';
import { baseLayers, NODE } from './base.ts';
import { fetchBase, type ImageConfig } from './fetch-base.ts';
import { type Layer, Layout } from './layout.ts';

/** An image that was made of an artefact. */
export type Image = {
  /** Of its manifest: the same for the same artefact of the same commit. */
  digest: string;
  /** What is pulled. */
  bytes: number;
  /** What it is on a disk, as far as it is ours and no base image's. */
  unpacked: number;
  /** The image layout (OCI) on this machine. */
  folder: string;
};

export interface ImageInput {
  config: LoadedConfig;
  environment: Environment;
  artifact: Artifact;
  signal: AbortSignal;
  onLine(line: string): void;
}

const WORKDIR = '/app';
/** What npm gives every file of a package: the layer of installed packages is the same until one of them is another. */
const NPM_TIME = 499_162_500;
const ARCHITECTURES: Record<string, string> = { x64: 'amd64', arm64: 'arm64' };

/**
 * An OCI image of an artefact, without docker: what lies below, installed packages, and the product in layers of their own, so that a
 * version pushes what is new in it. Nothing in it tells when or where it was made.
 */
export async function makeImage(input: ImageInput): Promise<Image> {
  const { config, environment, artifact, signal, onLine } = input;
  const release = releaseConfig(config);
  const architecture = architectureOf(artifact, release);
  const images = makeStateFolder(config.root, 'images');
  const folder = join(images, artifact.version);
  dropOld(images);
  rmSync(folder, { recursive: true, force: true });
  const scratch = mkdtempSync(join(temporaryFolder(), 'drydock-image-'));
  try {
    const tree = join(scratch, 'tree');
    await artifactStore(config, environment).unpack(artifact, tree, signal);
    const layout = new Layout(folder);
    const { node = process.execPath, uid, base } = release.image;
    onLine('what lies below');
    const below = base
      ? await fetchBase(layout, { base, release, environment, scratch, signal })
      : { config: undefined, layers: await baseLayers(layout, { node, addons: addonsIn(tree), uid, scratch, signal }) };
    const own: Layer[] = [];
    const time = timeOf(tree);
    for (const installed of [true, false]) {
      onLine(installed ? 'installed packages' : 'the product');
      const only = (path: string) => path.split('/').includes('node_modules') === installed;
      const packed = packTree(tree, {
        time: installed ? NPM_TIME : time,
        prefix: `${WORKDIR.slice(1)}/`,
        only,
        signal,
      });
      own.push(await layout.addLayer(packed, signal));
    }
    const text = imageConfig({ release, artifact, architecture, time, product: config.product, base: below.config });
    const layers = [...below.layers, ...own];
    const diffIds = [...(below.config?.rootfs.diff_ids ?? below.layers.map(diffIdOf)), ...own.map(diffIdOf)];
    const whole = { ...text, rootfs: { type: 'layers', diff_ids: diffIds } };
    const { digest } = layout.finish(whole, layers, text.config.Labels, artifact.version);
    const ours = layers.filter((layer): layer is Layer => 'bytes' in layer);
    return {
      digest,
      bytes: layers.reduce((sum, { size }) => sum + size, 0),
      unpacked: ours.reduce((sum, { bytes }) => sum + bytes, 0),
      folder,
    };
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

const diffIdOf = (layer: { diffId?: string }) => layer.diffId ?? '';

function imageConfig({
  release: { app, image },
  artifact,
  architecture,
  time,
  product,
  base,
}: {
  release: ReleaseConfig;
  artifact: Artifact;
  architecture: string;
  time: number;
  product: string;
  base: ImageConfig | undefined;
}) {
  const path = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
  const [program = '', ...args] = app.command;
  return {
    created: new Date(time * 1_000).toISOString(),
    architecture,
    os: 'linux',
    config: {
      User: `${image.uid}:${image.uid}`,
      Env: environmentOf([...(base?.config?.Env ?? [path]), 'HOME=/tmp', `${app.versionVariable}=${artifact.version}`]),
      Cmd: [program === 'node' && !base ? NODE : program, ...args],
      WorkingDir: WORKDIR,
      StopSignal: 'SIGTERM',
      Labels: {
        'org.opencontainers.image.title': product,
        'org.opencontainers.image.version': artifact.tag ?? artifact.version,
        'org.opencontainers.image.revision': artifact.commit,
        'dev.drydock.version': artifact.version,
        'dev.drydock.digest': artifact.digest,
      },
    },
  };
}

/** The last word on each name counts. */
function environmentOf(lines: string[]): string[] {
  return [...new Map(lines.map((line) => [line.split('=')[0], line])).values()];
}

function architectureOf({ platform, version }: Artifact, { image }: ReleaseConfig): string {
  const [os, cpu = ''] = platform.split('-');
  const architecture = ARCHITECTURES[cpu];
  const here = image.base ? platform : `${process.platform}-${process.arch}`;
  if (os === 'linux' && architecture && here === platform) return architecture;
  throw usageError(
    'IMAGE_PLATFORM',
    `Version ${version} was built for ${platform}, and this machine is ${process.platform}-${process.arch}: an image wants a version for Linux, with the Node and the libraries of such a machine.`,
    'Make it on such a machine, in CI for one, or name release.image.base.',
  );
}

/** A layout is there to be pushed, or looked at: the artefact gives it again. */
const KEPT_MS = 7 * 86_400_000;

function dropOld(images: string): void {
  for (const name of readdirSync(images)) {
    const path = join(images, name);
    if (Date.now() - lstatSync(path).mtimeMs > KEPT_MS) rmSync(path, { recursive: true, force: true });
  }
}

/** Compiled packages: what they load must be there too. */
function addonsIn(tree: string): string[] {
  const files = [...walkTree(tree)].filter(
    ({ kind, path }) => kind !== 'folder' && kind !== 'link' && path.endsWith('.node'),
  );
  return files.map(({ path }) => join(tree, path));
}

/** All files of an unpacked artefact bear the time of the commit that it was built from first. */
function timeOf(tree: string): number {
  const file = [...walkTree(tree)].find(({ kind }) => kind === 'file');
  return file ? Math.floor(lstatSync(join(tree, file.path)).mtimeMs / 1_000) : 0;
}
