import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join, relative } from 'node:path';
import { isMissing, type LoadedConfig, makeStateFolder, statePath, writeDurably } from '@drydock/kit';
import type { Team } from '../team/team.ts';

/** Of each file. */
const KEPT = 20;

export interface Previous {
  /** The file that it was, from the product's root. */
  file: string;
  /** Counts up: a clock may be set back. */
  number: number;
  path: string;
}

/** Keeps what a file held before it is written anew, encrypted to the team, in this checkout. */
export async function keepPrevious(
  config: LoadedConfig,
  env: string,
  team: Team,
  file: string,
  text: string,
): Promise<void> {
  const sealed = await team.seal(text);
  const folder = makeStateFolder(config.root, 'secrets', 'previous', env);
  const name = encodeURIComponent(relative(config.root, file));
  const before = previousOf(config, env).filter((one) => one.file === relative(config.root, file));
  const number = Math.max(0, ...before.map((one) => one.number)) + 1;
  writeDurably(join(folder, `${name}.${number}.age`), sealed);
  for (const { path } of before.slice(0, Math.max(0, before.length + 1 - KEPT))) rmSync(path, { force: true });
}

/** What this checkout keeps of an environment's files, the oldest first. */
export function previousOf(config: LoadedConfig, env: string): Previous[] {
  const folder = statePath(config.root, 'secrets', 'previous', env);
  return namesIn(folder)
    .flatMap((name): Previous[] => {
      const [, encoded, number] = /^(.+)\.(\d+)\.age$/.exec(name) ?? [];
      return encoded && number
        ? [{ file: decodeURIComponent(encoded), number: Number(number), path: join(folder, name) }]
        : [];
    })
    .sort((a, b) => a.number - b.number);
}

export async function openPrevious({ file, path }: Previous, team: Team): Promise<string> {
  return team.open(readFileSync(path, 'utf8'), `what ${file} held before`);
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (cause) {
    if (isMissing(cause)) return [];
    throw cause;
  }
}
