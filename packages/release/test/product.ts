import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type LoadedConfig, loadConfig, loadEnvironment, type OpsError } from '@drydock/kit';
import { makeStrangeProduct } from '@drydock/kit/testing';
import { buildArtifact } from '../src/artifact/build.ts';
import { artifactStore } from '../src/artifact/store.ts';
import type { Artifact, ArtifactStore } from '../src/artifact/types.ts';

export const signal = new AbortController().signal;

export function git(root: string, ...args: string[]): string {
  return execFileSync('git', ['-c', 'user.name=t', '-c', 'user.email=t@example.test', ...args], {
    cwd: root,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  }).trim();
}

export interface Product {
  root: string;
  /** Where its artefacts lie: other checkouts have the same. */
  store: string;
  /** Writes files and commits them. */
  commit(files?: Record<string, string>): string;
  /** What a fresh checkout of it finds and does. */
  open(): Promise<{ config: LoadedConfig; artifacts: ArtifactStore }>;
  build(): Promise<Artifact>;
}

/** A repository with a store of artefacts that other clones share. */
export function makeProduct(
  artifact: object = {},
  more: { env?: Record<string, string>; config?: object } = {},
): Product {
  const store = mkdtempSync(join(process.env.DRYDOCK_TEST_ROOT ?? tmpdir(), 'drydock-store-'));
  const release = {
    artifact: { include: ['src'], store: { kind: 'file', path: store }, graceHours: 0, ...artifact },
    app: { command: ['node'] },
  };
  const root = makeStrangeProduct({ release, ...more.config }, more.env ?? {});
  writeFileSync(join(root, '.gitignore'), '.drydock/\n.env*\n');
  git(root, 'init', '-q', '-b', 'main');
  const product = productAt(root, store);
  product.commit({ 'src/main.txt': 'one' });
  return product;
}

export function cloneOf({ root, store }: Product, ...args: string[]): Product {
  const clone = mkdtempSync(join(process.env.DRYDOCK_TEST_ROOT ?? tmpdir(), 'drydock-clone-'));
  git(clone, 'clone', '-q', ...args, `file://${root}`, '.');
  return productAt(clone, store);
}

function productAt(root: string, store: string): Product {
  const open = async () => {
    const config = await loadConfig(undefined, root);
    return { config, artifacts: artifactStore(config, loadEnvironment(config, 'staging', process.env)) };
  };
  return {
    root,
    store,
    open,
    commit(files = {}) {
      for (const [file, content] of Object.entries(files)) {
        mkdirSync(dirname(join(root, file)), { recursive: true });
        writeFileSync(join(root, file), content);
      }
      git(root, 'add', '-A');
      git(root, 'commit', '-q', '--allow-empty', '-m', `with ${Object.keys(files).join(' and ') || 'nothing'}`);
      return git(root, 'rev-parse', 'HEAD');
    },
    async build() {
      const { config, artifacts } = await open();
      return buildArtifact({
        config,
        environment: loadEnvironment(config, 'staging', process.env),
        store: artifacts,
        commit: git(root, 'rev-parse', 'HEAD'),
        run: '01TEST',
        signal,
        onLine: () => {},
      });
    },
  };
}

export async function refusal(work: Promise<unknown>): Promise<OpsError> {
  return work.then(
    () => {
      throw new Error('it was not refused');
    },
    (error) => error as OpsError,
  );
}
