import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { isMissing, type LoadedConfig, makeStateFolder, statePath, writeDurably } from '@drydock/kit';
import type { Team } from '../team/team.ts';
import type { Place } from './place.ts';

/** Of each file. */
const KEPT = 20;

export interface Previous {
  /** The file that it was, from the product's root, or the name of the store. */
  of: string;
  /** Counts up: a clock may be set back. */
  number: number;
  path: string;
}

/** Keeps what a file or another store (`of`) held before it is written anew, encrypted to the team, in this checkout. */
export async function keepPrevious(
  at: Pick<Place, 'config' | 'environment' | 'team'>,
  { of, text }: { of: string; text: string },
): Promise<void> {
  keepSealed(at, { of, sealed: await at.team.seal(text) });
}

/** The same of what is encrypted already. */
export function keepSealed(
  { config, environment }: Pick<Place, 'config' | 'environment'>,
  { of, sealed }: { of: string; sealed: string },
): void {
  const folder = makeStateFolder(config.root, 'secrets', 'previous', environment.name);
  const before = previousOf(config, environment.name).filter((one) => one.of === of);
  const number = Math.max(0, ...before.map((one) => one.number)) + 1;
  writeDurably(join(folder, `${encodeURIComponent(of)}.${number}.age`), sealed);
  for (const { path } of before.slice(0, Math.max(0, before.length + 1 - KEPT))) rmSync(path, { force: true });
}

/** What this checkout keeps of an environment's stores, the oldest first. */
export function previousOf(config: LoadedConfig, env: string): Previous[] {
  const folder = statePath(config.root, 'secrets', 'previous', env);
  return namesIn(folder)
    .flatMap((name): Previous[] => {
      const [, encoded, number] = /^(.+)\.(\d+)\.age$/.exec(name) ?? [];
      return encoded && number
        ? [{ of: decodeURIComponent(encoded), number: Number(number), path: join(folder, name) }]
        : [];
    })
    .sort((a, b) => a.number - b.number);
}

export async function openPrevious({ of, path }: Previous, team: Team): Promise<string> {
  return team.open(readFileSync(path, 'utf8'), `what ${of} held before`);
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (cause) {
    if (isMissing(cause)) return [];
    throw cause;
  }
}
