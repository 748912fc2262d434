import { existsSync, readdirSync, rmSync, statSync, utimesSync } from 'node:fs';
import { dirname, join } from 'node:path';
import {
  type Environment,
  exec,
  isMissing,
  type LoadedConfig,
  makePrivate,
  readStateFile,
  writeDurably,
} from '@drydock/kit';
import { z } from 'zod';
import type { AppConfig } from '../config/app.ts';

const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
/** Of the shell of whoever releases: what a program must know of the user that it runs as, and nothing of their work. */
export const OF_THE_USER = ['HOME', 'USER', 'LOGNAME', 'LANG', 'TZ'];

/** What the product is started with, and which variables of the shell it does not get. */
export function productEnvironment(
  config: LoadedConfig,
  environment: Environment,
  app: Pick<AppConfig, 'inherit'>,
  node: string,
): { env: Record<string, string>; left: string[] } {
  const taken = new Set([...OF_THE_USER, ...app.inherit, 'DRYDOCK_ENV']);
  const all = environment.forChild('product');
  const gets = (name: string) =>
    taken.has(name) || environment.isInFile(name) || config.variables[name] !== undefined || config.named.has(name);
  const env = Object.fromEntries(Object.entries(all).filter(([name]) => gets(name)));
  const path = env.PATH ?? PATH;
  return {
    env: { ...env, PATH: `${dirname(node)}:${path}` },
    left: [...Object.keys(all).filter((name) => !gets(name)), ...environment.undeclared],
  };
}

/** What Node and the libraries of the system go by, whatever the product's source says. */
const OF_THE_RUNTIME = [
  ...['NODE_OPTIONS', 'NODE_EXTRA_CA_CERTS', 'SSL_CERT_FILE', 'SSL_CERT_DIR', 'LD_LIBRARY_PATH', 'LD_PRELOAD'],
  ...['HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY', 'http_proxy', 'https_proxy', 'no_proxy'],
];

/** Of the variables that the product does not get, those that it may well miss: what its source names, and what its runtime goes by. */
export async function missedVariables(
  config: LoadedConfig,
  { commit, include, left }: { commit: string; include: readonly string[]; left: readonly string[] },
): Promise<string[]> {
  const runtime = left.filter((name) => OF_THE_RUNTIME.includes(name));
  const names = left.filter((name) => /^[A-Z][A-Z0-9_]{2,}$/.test(name) && !runtime.includes(name));
  if (names.length === 0) return runtime;
  const patterns = names.flatMap((name) => ['-e', name]);
  const { stdout } = await exec('git', ['grep', '-ohwFI', ...patterns, commit, '--', ...include], {
    cwd: config.root,
    // Nothing found, or no repository: that is another question's matter.
    okCodes: [1, 128],
  });
  const named = new Set(stdout.split('\n'));
  return [...runtime, ...names.filter((name) => named.has(name))].sort();
}

const keptSchema = z.record(z.string(), z.string());

/** The environments that versions were started with last: a version goes back with the settings that it knew. */
export class KeptEnvironments {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  read(version: string): Record<string, string> | undefined {
    return readStateFile(this.#fileOf(version), keptSchema);
  }

  /** Those of `standing` versions stay; of all others the last `most`: what they hold may open something for long. */
  keep(version: string, env: Record<string, string>, most: number, standing: readonly string[]): void {
    makePrivate(this.#folder);
    const now = new Date();
    // What stands was started long ago, perhaps, and many that went back since.
    for (const file of standing.map((one) => this.#fileOf(one))) if (existsSync(file)) utimesSync(file, now, now);
    writeDurably(this.#fileOf(version), JSON.stringify(env));
    for (const file of this.#newestFirst().slice(most + standing.length)) rmSync(file, { force: true });
  }

  #fileOf(version: string): string {
    return join(this.#folder, `${version}.json`);
  }

  #newestFirst(): string[] {
    try {
      const files = readdirSync(this.#folder).map((name) => join(this.#folder, name));
      const times = new Map(files.map((file) => [file, statSync(file).mtimeMs]));
      return files.sort((a, b) => (times.get(b) ?? 0) - (times.get(a) ?? 0));
    } catch (cause) {
      if (isMissing(cause)) return [];
      throw cause;
    }
  }
}
