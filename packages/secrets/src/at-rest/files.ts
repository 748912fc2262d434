import { existsSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import type { LoadedConfig } from '@drydock/kit';

/** An env file, and what is kept of it for the team: encrypted, beside it, for git. */
export interface AtRest {
  /** `.env.staging` */
  file: string;
  /** `.env.staging.age` */
  sealed: string;
  /** `.env.staging.age.recipients`: who can open it, as age's own lists of recipients are. */
  list: string;
  /** From the product's root. */
  name: string;
  sealedName: string;
}

/** Those of one environment of which there is either: in every folder of envDirs `.env.<env>` and `.env.<env>.local`. */
export function atRestOf(config: LoadedConfig, env: string): AtRest[] {
  return config.envDirs
    .flatMap((dir) => [`.env.${env}`, `.env.${env}.local`].map((name) => join(config.path(dir), name)))
    .map((file) => {
      const sealed = `${file}.age`;
      const from = (path: string) => relative(config.root, path);
      return { file, sealed, list: `${sealed}.recipients`, name: from(file), sealedName: from(sealed) };
    })
    .filter(({ file, sealed }) => existsSync(file) || existsSync(sealed));
}

export function textOf(path: string): string | undefined {
  return existsSync(path) ? readFileSync(path, 'utf8') : undefined;
}
