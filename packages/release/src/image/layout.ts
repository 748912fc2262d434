import { createHash, hash } from 'node:crypto';
import { createWriteStream, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { renameDurably } from '@drydock/kit';

/** A blob of an image, by its digest: https://github.com/opencontainers/image-spec/blob/v1.1.0/descriptor.md */
export interface Descriptor {
  mediaType: string;
  digest: string;
  size: number;
}

/** A layer, and the digest that it has unpacked. */
export interface Layer extends Descriptor {
  diffId: string;
  /** Unpacked. */
  bytes: number;
}

const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
const CONFIG = 'application/vnd.oci.image.config.v1+json';
const LAYER = 'application/vnd.oci.image.layer.v1.tar+gzip';
/** Most of the gain, in half the time of the default. */
const LEVEL = 5;

/** An image layout (image-layout.md): a folder that skopeo, podman and the like read. */
export class Layout {
  readonly folder: string;

  constructor(folder: string) {
    this.folder = folder;
    mkdirSync(join(folder, 'blobs/sha256'), { recursive: true, mode: 0o700 });
  }

  pathOf({ digest }: Descriptor): string {
    return join(this.folder, 'blobs', digest.replace(':', '/'));
  }

  async addLayer(tar: AsyncIterable<Buffer>, signal: AbortSignal): Promise<Layer> {
    const [plain, zipped] = [createHash('sha256'), createHash('sha256')];
    let [bytes, size] = [0, 0];
    const part = join(this.folder, 'blobs/sha256/.part');
    const counted = async function* () {
      for await (const chunk of tar) {
        plain.update(chunk);
        bytes += chunk.length;
        yield chunk;
      }
    };
    const summed = async function* (chunks: AsyncIterable<Buffer>) {
      for await (const chunk of chunks) {
        zipped.update(chunk);
        size += chunk.length;
        yield chunk;
      }
    };
    await pipeline(counted, createGzip({ level: LEVEL }), summed, createWriteStream(part, { mode: 0o600 }), { signal });
    const layer = { mediaType: LAYER, digest: `sha256:${zipped.digest('hex')}`, size };
    renameDurably(part, this.pathOf(layer));
    return { ...layer, diffId: `sha256:${plain.digest('hex')}`, bytes };
  }

  /** Config and manifest; returns the manifest, which is what the image is called by. */
  finish(config: object, layers: Descriptor[], annotations: Record<string, string>, name: string): Descriptor {
    const manifest = {
      schemaVersion: 2,
      mediaType: MANIFEST,
      config: this.#addText(CONFIG, JSON.stringify(config)),
      layers: layers.map(({ mediaType, digest, size }) => ({ mediaType, digest, size })),
      annotations,
    };
    const descriptor = this.#addText(MANIFEST, JSON.stringify(manifest));
    const named = { ...descriptor, annotations: { 'org.opencontainers.image.ref.name': name } };
    writeFileSync(join(this.folder, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests: [named] }));
    writeFileSync(join(this.folder, 'oci-layout'), JSON.stringify({ imageLayoutVersion: '1.0.0' }));
    return descriptor;
  }

  #addText(mediaType: string, text: string): Descriptor {
    const descriptor = { mediaType, digest: `sha256:${hash('sha256', text)}`, size: Buffer.byteLength(text) };
    writeFileSync(this.pathOf(descriptor), text, { mode: 0o600 });
    return descriptor;
  }
}
