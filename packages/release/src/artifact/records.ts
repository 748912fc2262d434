import { basename } from 'node:path';
import type { Store } from '@drydock/backups';
import type { Environment } from '@drydock/kit';
import type { ReleaseConfig } from '../config.ts';
import { missing, unsigned } from './errors.ts';
import { BOM, readRecord, recordKey, recordText, SIGNATURE } from './record.ts';
import { signerOf, signRecord } from './signature.ts';
import type { Artifact } from './types.ts';

export interface Kept {
  release: ReleaseConfig;
  environment: Environment;
  stores: Store[];
}

/** What the stores say of artefacts: a record for each commit of each, signed where the team has signers. */
export class Records {
  readonly #release: ReleaseConfig;
  readonly #environment: Environment;
  readonly #stores: Store[];
  readonly #root: string;

  constructor({ release, environment, stores }: Kept, root: string) {
    this.#release = release;
    this.#environment = environment;
    this.#stores = stores;
    this.#root = root;
  }

  /** Newest first, each once, whichever stores have it. */
  async find(which: (name: string) => boolean): Promise<Artifact[]> {
    const found = new Map<string, Artifact>();
    for (const store of this.#stores) {
      const keys = (await store.list(this.#root)).map(({ key }) => key.slice(this.#root.length));
      const records = keys.filter((key) => key.endsWith('.json') && !key.endsWith(BOM) && which(basename(key)));
      for (const key of records.filter((each) => !found.has(each))) {
        const artifact = readRecord((await store.readText(`${this.#root}${key}`)) ?? '', key);
        if (artifact) found.set(key, artifact);
      }
    }
    const order = ({ builtAt, tag = '' }: Artifact) => `${builtAt} ${tag}`;
    return [...found.values()].sort((a, b) => (order(a) < order(b) ? 1 : -1));
  }

  /** In every store, signed where a key is at hand. Twice is harmless. */
  async keep(artifact: Artifact, signal: AbortSignal): Promise<Artifact> {
    const key = `${this.#root}${recordKey(artifact)}`;
    let kept = artifact;
    for (const store of this.#stores) {
      const there = readRecord((await store.readText(key)) ?? '', recordKey(artifact));
      // The first one's time and signature stay, in every store.
      if (there) kept = there;
    }
    const text = recordText(kept);
    let signature: string | undefined;
    for (const store of this.#stores) {
      // The record last: with it the artefact counts as built.
      if ((await store.readText(`${key}${SIGNATURE}`)) === undefined) {
        signature ??= await signRecord(text, this.#release.artifact, this.#environment, signal);
        if (signature) await store.write(`${key}${SIGNATURE}`, one(signature), { signal });
      }
      if ((await store.readText(key)) !== text) await store.write(key, one(text), { signal });
    }
    return kept;
  }

  /** Throws where signers are named and its record is not signed by one of them. */
  async refuseUnsigned(artifact: Artifact, holder: () => Promise<Store>, signal: AbortSignal): Promise<void> {
    const { signers } = this.#release.artifact;
    if (signers.length === 0) return;
    const names = signers.map(({ name }) => name);
    const store = await holder();
    const key = `${this.#root}${recordKey(artifact)}`;
    const [text, signature] = [await store.readText(key), await store.readText(`${key}${SIGNATURE}`)];
    if (!text || !signature) throw unsigned(artifact, names, 'bears no signature');
    // What is released is what the record says, not what the caller has it for.
    if (readRecord(text, recordKey(artifact))?.digest !== artifact.digest) throw missing(artifact, store.label);
    if (!(await signerOf(text, signature, this.#release.artifact, this.#environment, signal)))
      throw unsigned(artifact, names, 'bears a signature that is not theirs, or was changed after it');
  }
}

export async function* one(text: string): AsyncIterable<Uint8Array> {
  yield Buffer.from(text);
}
