import { existsSync } from 'node:fs';
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import {
  makeStateFolder,
  OpsError,
  readStateFile,
  renameDurably,
  setAside,
  statePath,
  writeDurably,
} from '@drydock/kit';
import { z } from 'zod';
import { hashTree } from './hash.ts';
import type { Artifact } from './types.ts';

/** The version names the folder that is kept, started and deleted: it is the digest's, and nothing else. */
const artifactSchema = z
  .object({
    hash: z.string().regex(/^[0-9a-f]{64}$/),
    version: z.string().regex(/^[0-9a-f]{12}$/),
    commit: z.string(),
    builtAt: z.string(),
    files: z.int(),
    bytes: z.int(),
  })
  .refine(({ hash, version }) => hash.startsWith(version), { path: ['version'] });

/** `.drydock/artifacts/<version>/` holds the files, `.drydock/artifacts/<version>.json` the record, written last. */
export class ArtifactStore {
  readonly #root: string;

  constructor(root: string) {
    this.#root = root;
  }

  get folder(): string {
    return statePath(this.#root, 'artifacts');
  }

  pathOf(version: string): string {
    return join(this.folder, version);
  }

  /** Artefacts with a record, newest first. A folder without one was never finished. */
  async list(): Promise<Artifact[]> {
    if (!existsSync(this.folder)) return [];
    const names = (await readdir(this.folder)).filter((name) => name.endsWith('.json'));
    const all = names.map((name) => this.#record(name)).filter((artifact) => artifact !== undefined);
    return all.sort((a, b) => (a.builtAt < b.builtAt ? 1 : -1));
  }

  async byCommit(commit: string): Promise<Artifact | undefined> {
    return (await this.list()).find(
      (artifact) => artifact.commit === commit && existsSync(this.pathOf(artifact.version)),
    );
  }

  /** A fresh folder to build in; leftovers of a killed build are removed. */
  async workspace(): Promise<string> {
    const folder = join(makeStateFolder(this.#root, 'artifacts'), '.building');
    await rm(folder, { recursive: true, force: true });
    await mkdir(folder, { recursive: true });
    return folder;
  }

  /** Names a built folder by its content and keeps it. The same content twice is one artefact. */
  async keep(built: string, commit: string): Promise<Artifact> {
    const tree = await hashTree(built);
    const version = tree.hash.slice(0, 12);
    const artifact: Artifact = { ...tree, version, commit, builtAt: new Date().toISOString() };
    const target = this.pathOf(version);
    if (!(await this.#isWhole(target, tree.hash))) {
      await rm(target, { recursive: true, force: true });
      // Its files need no flush: whatever a crash takes of them shows in the digest, before they are used.
      renameDurably(built, target);
    }
    const record = join(this.folder, `${version}.json`);
    writeDurably(record, `${JSON.stringify(artifact, null, 2)}\n`);
    return artifact;
  }

  /** Throws when the files are no longer what was built. */
  async verify(artifact: Artifact): Promise<void> {
    const found = existsSync(this.pathOf(artifact.version))
      ? (await hashTree(this.pathOf(artifact.version))).hash
      : 'nothing';
    if (found === artifact.hash) return;
    throw new OpsError({
      code: 'ARTIFACT_CHANGED',
      message: `The artefact ${artifact.version} holds ${found.slice(0, 12)}, not what was built.`,
      hint: `Remove .drydock/artifacts/${artifact.version}.json and run the release again to build it anew.`,
    });
  }

  /** Removes all but the newest `keep` artefacts and those in use. Returns the versions removed. */
  async prune(keep: number, inUse: ReadonlySet<string>): Promise<string[]> {
    const idle = (await this.list()).filter(({ version }) => !inUse.has(version));
    const gone = idle.slice(keep).map(({ version }) => version);
    for (const version of gone) {
      await rm(join(this.folder, `${version}.json`), { force: true });
      await rm(this.pathOf(version), { recursive: true, force: true });
    }
    return gone;
  }

  #record(name: string): Artifact | undefined {
    const file = join(this.folder, name);
    const artifact = readStateFile(file, artifactSchema);
    if (!artifact || name === `${artifact.version}.json`) return artifact;
    setAside(file, `is the record of ${artifact.version}`);
    return undefined;
  }

  async #isWhole(folder: string, hash: string): Promise<boolean> {
    return existsSync(folder) && (await hashTree(folder)).hash === hash;
  }
}
