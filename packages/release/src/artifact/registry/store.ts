import { createHash } from 'node:crypto';
import { createWriteStream, openAsBlob } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ReadableStream } from 'node:stream/web';
import type { Store } from '@drydock/backups';
import { OpsError, temporaryFolder } from '@drydock/kit';
import type { RegistryAddress } from './client.ts';
import { RegistryClient } from './client.ts';

const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
const TYPE = 'application/vnd.drydock.artifact.v1';
const FILE = 'application/vnd.drydock.artifact.file.v1';
/** Its config says nothing: https://github.com/opencontainers/image-spec/blob/v1.1.0/manifest.md#guidance-for-an-empty-descriptor */
const EMPTY = { mediaType: 'application/vnd.oci.empty.v1+json', text: '{}' };
const TITLE = 'org.opencontainers.image.title';
const TRIES = 5;

interface Layer {
  mediaType: string;
  digest: string;
  size: number;
  annotations?: Record<string, string>;
}

interface Manifest {
  layers: Layer[];
  /** Of the manifest; undefined where there is none yet. */
  digest: string | undefined;
}

/**
 * Artefacts in a repository of a registry: each is one OCI artefact, tagged by its digest, and its files are the layers of it, each by the
 * title that is its key. Whoever speaks with registries can read them: `skopeo copy`, `oras pull`.
 */
export class RegistryStore implements Store {
  readonly label: string;
  readonly #client: RegistryClient;

  constructor(address: RegistryAddress) {
    this.label = `registry:${address.repository}`;
    this.#client = new RegistryClient(address);
  }

  async write(key: string, body: AsyncIterable<Uint8Array>, { signal }: { signal: AbortSignal }): Promise<void> {
    const folder = await mkdtemp(join(temporaryFolder(), 'drydock-registry-'));
    try {
      // A registry wants to know the digest, and how much it is, before it takes it.
      const file = join(folder, 'blob');
      const sum = createHash('sha256');
      let size = 0;
      const summed = async function* () {
        for await (const chunk of body) {
          sum.update(chunk);
          size += chunk.length;
          yield chunk;
        }
      };
      await pipeline(summed, createWriteStream(file, { mode: 0o600 }), { signal });
      const digest = `sha256:${sum.digest('hex')}`;
      await this.#push(digest, await openAsBlob(file), signal);
      const layer: Layer = { mediaType: FILE, digest, size, annotations: { [TITLE]: key } };
      await this.#change(tagOf(key), (layers) =>
        layers.some((each) => titleOf(each) === key)
          ? layers.map((each) => (titleOf(each) === key ? layer : each))
          : [...layers, layer],
      );
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  async read(key: string): Promise<Readable> {
    const answer = await this.#blob(key);
    if (answer?.body) return Readable.fromWeb(answer.body as ReadableStream);
    throw new OpsError({ code: 'ARTIFACT_MISSING', message: `${this.label} has no ${key}.`, exit: 4 });
  }

  async readText(key: string): Promise<string | undefined> {
    return (await this.#blob(key))?.text();
  }

  async list(prefix: string): Promise<{ key: string; bytes: number }[]> {
    const one = /\/([0-9a-f]{64})\/$/.exec(prefix)?.[1];
    const tags = one ? [one] : await this.#tags();
    const manifests = await Promise.all(tags.map((tag) => this.#manifest(tag)));
    return manifests
      .flatMap(({ layers }) => layers.map((layer) => ({ key: titleOf(layer), bytes: layer.size })))
      .filter(({ key }) => key.startsWith(prefix))
      .sort((a, b) => (a.key < b.key ? -1 : 1));
  }

  async remove(keys: string[]): Promise<{ key: string; reason: string }[]> {
    const kept: { key: string; reason: string }[] = [];
    for (const [tag, gone] of Map.groupBy(keys, tagOf)) {
      const { layers, digest } = await this.#manifest(tag);
      const left = layers.filter((layer) => !gone.includes(titleOf(layer)));
      if (left.length > 0) {
        await this.#change(tag, (now) => now.filter((layer) => !gone.includes(titleOf(layer))));
        continue;
      }
      if (!digest) continue;
      const answer = await this.#client.ask(`manifests/${digest}`, { method: 'DELETE', ok: [404, 405] });
      await answer.body?.cancel();
      const reason = 'the registry lets nobody delete (REGISTRY_STORAGE_DELETE_ENABLED of docker-registry)';
      if (answer.status === 405) kept.push(...gone.map((key) => ({ key, reason })));
    }
    return kept;
  }

  /** What was pushed and never named, the registry collects itself. */
  async sweep(): Promise<string[]> {
    return [];
  }

  async #blob(key: string): Promise<Response | undefined> {
    const layer = (await this.#manifest(tagOf(key))).layers.find((each) => titleOf(each) === key);
    if (!layer) return undefined;
    const answer = await this.#client.ask(`blobs/${layer.digest}`, { ok: [404], isBlob: true });
    if (answer.ok) return answer;
    await answer.body?.cancel();
    return undefined;
  }

  async #push(digest: string, blob: Blob, signal: AbortSignal): Promise<void> {
    const there = await this.#client.ask(`blobs/${digest}`, { method: 'HEAD', ok: [404], signal });
    if (there.ok) return;
    const begun = await this.#client.ask('blobs/uploads/', { method: 'POST', signal });
    await begun.body?.cancel();
    const to = new URL(begun.headers.get('location') ?? '', begun.url);
    to.searchParams.set('digest', digest);
    const headers = { 'content-type': 'application/octet-stream' };
    const answer = await this.#client.ask(to.href, { method: 'PUT', headers, body: blob, signal, isBlob: true });
    await answer.body?.cancel();
  }

  /** Read, changed, written, and looked at: two who write at once may undo each other, and then it is done again. */
  async #change(tag: string, change: (layers: Layer[]) => Layer[]): Promise<void> {
    const signal = AbortSignal.timeout(60_000);
    const empty = `sha256:${createHash('sha256').update(EMPTY.text).digest('hex')}`;
    await this.#push(empty, new Blob([EMPTY.text]), signal);
    for (let tries = 0; tries < TRIES; tries++) {
      const layers = change((await this.#manifest(tag)).layers);
      const text = JSON.stringify({
        schemaVersion: 2,
        mediaType: MANIFEST,
        artifactType: TYPE,
        config: { mediaType: EMPTY.mediaType, digest: empty, size: EMPTY.text.length },
        layers,
      });
      const headers = { 'content-type': MANIFEST };
      const answer = await this.#client.ask(`manifests/${tag}`, { method: 'PUT', headers, body: text });
      await answer.body?.cancel();
      const now = (await this.#manifest(tag)).layers;
      if (JSON.stringify(change(now)) === JSON.stringify(now)) return;
    }
    throw new OpsError({
      code: 'REGISTRY_FAILED',
      message: `${this.label} does not keep what is written to ${tag.slice(0, 12)}: does somebody else write there?`,
    });
  }

  async #manifest(tag: string): Promise<Manifest> {
    const answer = await this.#client.ask(`manifests/${tag}`, { headers: { accept: MANIFEST }, ok: [404] });
    const text = await answer.text();
    if (!answer.ok) return { layers: [], digest: undefined };
    const digest = `sha256:${createHash('sha256').update(text).digest('hex')}`;
    const { layers = [] } = JSON.parse(text) as Partial<Manifest>;
    return { layers: layers.filter((layer) => titleOf(layer) !== ''), digest };
  }

  async #tags(): Promise<string[]> {
    const all: string[] = [];
    let path: string | undefined = 'tags/list?n=1000';
    while (path) {
      const answer: Response = await this.#client.ask(path, { ok: [404] });
      if (!answer.ok) {
        await answer.body?.cancel();
        return all;
      }
      all.push(...(((await answer.json()) as { tags?: string[] | null }).tags ?? []));
      const next: string | undefined = /<([^>]+)>;\s*rel="?next"?/.exec(answer.headers.get('link') ?? '')?.[1];
      path = next && new URL(next, answer.url).href;
    }
    return all.filter((tag) => /^[0-9a-f]{64}$/.test(tag));
  }
}

function titleOf({ annotations }: Layer): string {
  return annotations?.[TITLE] ?? '';
}

/** `artifacts/shop/<digest>/tree.tar.zst`: the artefact that it belongs to. */
function tagOf(key: string): string {
  return key.split('/').at(-2) ?? '';
}
