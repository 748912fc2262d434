import { createHash, randomBytes } from 'node:crypto';
import { existsSync, lstatSync, mkdtempSync, rmSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { openStore, openStores, type Store } from '@drydock/backups';
import {
  type Environment,
  type LoadedConfig,
  makeFolder,
  OpsError,
  renameDurably,
  temporaryFolder,
} from '@drydock/kit';
import { type ReleaseConfig, releaseConfig } from '../config.ts';
import type { Question } from '../question.ts';
import { archiveOf, unpackArchive } from './archive.ts';
import { choose } from './choose.ts';
import { changed, missing } from './errors.ts';
import { hashTree } from './hash.ts';
import { inputsOf, platformOf } from './inputs.ts';
import { linkNearby, takeNearby } from './nearby.ts';
import { BOM, recordKey, SIGNATURE, SUM, TREE } from './record.ts';
import { type Kept, one, Records } from './records.ts';
import { RegistryStore } from './registry/store.ts';
import type { Artifact, ArtifactStore, KeepOptions } from './types.ts';

const HOUR_MS = 3_600_000;

/** The team's: `release.artifact.store`, by itself the stores of the backups. */
export function artifactStore(config: LoadedConfig, environment: Environment): ArtifactStore {
  const release = releaseConfig(config);
  const { store } = release.artifact;
  const stores = store ? [opened(store, config, environment)] : openStores(config, environment);
  return new StoredArtifacts({ config, release, environment, stores });
}

function opened(
  store: NonNullable<ReleaseConfig['artifact']['store']>,
  config: LoadedConfig,
  environment: Environment,
): Store {
  if (store.kind !== 'registry') return openStore(store, config, environment);
  const { repository, insecure, user, password } = store;
  return new RegistryStore({
    ...{ repository, insecure, user: environment.get(user) },
    password: environment.has(password) ? environment.secret(password) : undefined,
  });
}

interface Setting extends Kept {
  config: LoadedConfig;
}

/** `artifacts/<product>/<digest>/`: the tree, the list of its packages, and a record for each commit, written last. */
class StoredArtifacts implements ArtifactStore {
  readonly #setting: Setting;
  readonly #root: string;
  readonly #records: Records;

  constructor(setting: Setting) {
    this.#setting = setting;
    this.#root = `artifacts/${setting.config.product.replaceAll(/[^\w.-]+/g, '-')}/`;
    this.#records = new Records(setting, this.#root);
  }

  get label(): string {
    return this.#setting.stores.map(({ label }) => label).join(', ');
  }

  questions(): Question[] {
    return this.#setting.stores.map((store) => ({
      about: 'store of artefacts',
      ask: async () => {
        const digests = new Set((await store.list(this.#root)).map(({ key }) => this.#within(key).split('/')[0]));
        return `${store.label}, ${digests.size} there`;
      },
    }));
  }

  async list(): Promise<Artifact[]> {
    const seen = new Set<string>();
    // Once each, by the name that it was given last.
    return (await this.#records.find(() => true)).filter(({ digest, commit, inputs }) => {
      const key = `${digest} ${commit} ${inputs}`;
      return !seen.has(key) && seen.add(key);
    });
  }

  async byCommit(commit: string): Promise<Artifact | undefined> {
    const { config, release, environment } = this.#setting;
    const [platform, inputs] = [platformOf(release), inputsOf(config, release, environment)];
    const found = await this.#records.find((name) => name.startsWith(`${commit}.`));
    return found.find((artifact) => artifact.platform === platform && artifact.inputs === inputs);
  }

  async find(name: string): Promise<Artifact | undefined> {
    return choose(await this.#records.find(() => true), name, platformOf(this.#setting.release));
  }

  async keep(
    folder: string,
    commit: string,
    { signal, time, bom, inputs, tag, changelog }: KeepOptions,
  ): Promise<Artifact> {
    const { release } = this.#setting;
    const tree = await hashTree(folder, signal);
    const artifact: Artifact = {
      ...tree,
      version: tree.digest.slice(0, 12),
      commit,
      builtAt: new Date().toISOString(),
      platform: platformOf(release),
      inputs,
      bom: sumOf(bom),
      ...(tag === undefined ? {} : { tag }),
      ...(changelog === undefined ? {} : { changelog }),
    };
    for (const store of this.#setting.stores) {
      if (!(await this.#isWhole(store, artifact, signal))) {
        const archive = archiveOf(folder, { time, signal });
        await store.write(this.#key(artifact, TREE), archive.bytes, { signal });
        await store.write(this.#key(artifact, SUM), one(`${archive.sum()}\n`), { signal });
      }
      if (sumOf((await store.readText(this.#key(artifact, BOM))) ?? '') !== artifact.bom)
        await store.write(this.#key(artifact, BOM), one(bom), { signal });
    }
    return this.#records.keep(artifact, signal);
  }

  async tagged(artifact: Artifact, tag: string, changelog: string, signal: AbortSignal): Promise<Artifact> {
    return this.#records.keep({ ...artifact, tag, changelog }, signal);
  }

  async copyFrom(other: ArtifactStore, artifact: Artifact, signal: AbortSignal): Promise<void> {
    if (!(other instanceof StoredArtifacts)) throw new Error('another kind of store');
    const from = await other.#holder(artifact);
    const key = `${this.#root}${recordKey(artifact)}`;
    // The record last: with it the artefact counts as there.
    const keys = [...[TREE, SUM, BOM].map((name) => this.#key(artifact, name)), `${key}${SIGNATURE}`, key];
    const there = new Set((await from.list(`${this.#root}${artifact.digest}/`)).map((one) => one.key));
    for (const store of this.#setting.stores) {
      const has = new Set((await store.list(`${this.#root}${artifact.digest}/`)).map((one) => one.key));
      for (const each of keys.filter((one) => there.has(one) && !has.has(one)))
        await store.write(each, await from.read(each), { signal });
    }
  }

  async unpack(artifact: Artifact, into: string, signal: AbortSignal): Promise<void> {
    await this.#records.refuseUnsigned(artifact, () => this.#holder(artifact), signal);
    if (existsSync(into) && lstatSync(into).isDirectory() && (await hashTree(into, signal)).digest === artifact.digest)
      return;
    const store = await this.#holder(artifact);
    const part = join(dirname(into), `.${basename(into)}.${randomBytes(4).toString('hex')}.part`);
    makeFolder(dirname(into));
    try {
      // Also where the tree is at hand: a store that was changed is refused by whoever comes to it first.
      await this.#refuseOtherSum(store, artifact, signal);
      if (!(await takeNearby(artifact.digest, part, signal))) {
        await mkdir(part, { mode: 0o755 });
        await this.#extract(store, artifact, part, signal);
        await linkNearby(part, artifact.digest, signal);
      }
      await rm(into, { recursive: true, force: true });
      renameDurably(part, into);
    } finally {
      await rm(part, { recursive: true, force: true });
    }
  }

  async holds(artifact: Artifact, signal: AbortSignal): Promise<void> {
    await this.#records.refuseUnsigned(artifact, () => this.#holder(artifact), signal);
    await this.#holder(artifact);
    for (const store of await this.#holders(artifact)) await this.#refuseOtherSum(store, artifact, signal);
  }

  async #refuseOtherSum(store: Store, artifact: Artifact, signal: AbortSignal): Promise<void> {
    const expected = await store.readText(this.#key(artifact, SUM));
    const sum = createHash('sha256');
    await pipeline(await store.read(this.#key(artifact, TREE)), sum, { signal });
    if (sum.digest('hex') !== expected?.trim()) throw changed(artifact, store.label, 'its archive was changed');
  }

  async verify(artifact: Artifact, signal: AbortSignal): Promise<void> {
    await this.#records.refuseUnsigned(artifact, () => this.#holder(artifact), signal);
    await this.#holder(artifact);
    for (const store of await this.#holders(artifact)) await this.#check(store, artifact, signal);
  }

  async bomOf(artifact: Artifact): Promise<string> {
    const store = await this.#holder(artifact);
    const bom = (await store.readText(this.#key(artifact, BOM))) ?? '';
    if (sumOf(bom) === artifact.bom) return bom;
    throw changed(artifact, store.label, 'the list of its packages is another one');
  }

  async prune(keep: ReadonlySet<string>): Promise<string[]> {
    const youngest = Date.now() - this.#setting.release.artifact.graceHours * HOUR_MS;
    const byDigest = Map.groupBy(await this.list(), ({ digest }) => digest);
    const gone = [...byDigest].flatMap(([digest, records]) => {
      const stays =
        keep.has(digest) ||
        keep.has(digest.slice(0, 12)) ||
        records.some(({ builtAt }) => Date.parse(builtAt) > youngest);
      return stays ? [] : [digest];
    });
    for (const store of this.#setting.stores) {
      for (const digest of gone) {
        const keys = (await store.list(`${this.#root}${digest}/`)).map(({ key }) => key);
        // The tree last: without a record nobody looks for it, and the next time goes on here.
        const stays = await store.remove(keys.sort((a, b) => Number(a.endsWith(TREE)) - Number(b.endsWith(TREE))));
        const [first] = stays;
        if (first)
          throw new OpsError({
            code: 'ARTIFACT_NOT_REMOVED',
            message: `${store.label} does not give up ${first.key}: ${first.reason}`,
          });
      }
      await store.sweep(this.#root, new Date(Date.now() - 24 * HOUR_MS));
    }
    return gone.map((digest) => digest.slice(0, 12));
  }

  async #holder(artifact: Artifact): Promise<Store> {
    const [first] = await this.#holders(artifact);
    if (first) return first;
    throw missing(artifact, this.label);
  }

  async #holders(artifact: Artifact): Promise<Store[]> {
    const key = this.#key(artifact, TREE);
    const { stores } = this.#setting;
    const has = await Promise.all(
      stores.map(async (store) =>
        (await store.list(`${this.#root}${artifact.digest}/`)).some((one) => one.key === key),
      ),
    );
    return stores.filter((_, n) => has[n]);
  }

  async #isWhole(store: Store, artifact: Artifact, signal: AbortSignal): Promise<boolean> {
    if (!(await this.#holders(artifact)).includes(store)) return false;
    try {
      await this.#check(store, artifact, signal);
      return true;
    } catch (error) {
      if (error instanceof OpsError && error.code === 'ARTIFACT_CHANGED') return false;
      throw error;
    }
  }

  async #check(store: Store, artifact: Artifact, signal: AbortSignal): Promise<void> {
    const folder = mkdtempSync(join(temporaryFolder(), 'drydock-artifact-'));
    try {
      await this.#extract(store, artifact, folder, signal);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }

  async #extract(store: Store, artifact: Artifact, into: string, signal: AbortSignal): Promise<void> {
    const expected = await store.readText(this.#key(artifact, SUM));
    const sum = await unpackArchive(await store.read(this.#key(artifact, TREE)), into, signal);
    if (sum === undefined) throw changed(artifact, store.label, 'it cannot be unpacked');
    if (sum !== expected?.trim()) throw changed(artifact, store.label, 'its archive was changed');
    const { digest } = await hashTree(into, signal);
    if (digest !== artifact.digest) throw changed(artifact, store.label, `it holds ${digest.slice(0, 12)}`);
  }

  #key({ digest }: Artifact, name: string): string {
    return `${this.#root}${digest}/${name}`;
  }

  #within(key: string): string {
    return key.slice(this.#root.length);
  }
}

function sumOf(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
