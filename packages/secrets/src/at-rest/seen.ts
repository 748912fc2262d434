import { join } from 'node:path';
import { type LoadedConfig, makeStateFolder, readStateFile, statePath, writeDurably } from '@drydock/kit';
import { z } from 'zod';
import { sha256 } from './list.ts';

const schema = z.record(z.string(), z.strictObject({ sealed: z.string(), plain: z.string() }));

/** Digests of a sealed file as this checkout saw it last, and of the env file when it last held what was sealed: what differs was changed since. */
export interface Seen {
  sealed: string;
  plain: string;
}

export function seenOf(config: LoadedConfig, name: string): Seen | undefined {
  return readStateFile(file(config), schema)?.[name];
}

/** `plain`: the env file, where it holds what is or was sealed; where it does not, what was known of it stays. */
export function remember(
  config: LoadedConfig,
  name: string,
  { sealed, plain }: { sealed: string; plain: string | undefined },
): void {
  makeStateFolder(config.root, 'secrets');
  const all = readStateFile(file(config), schema) ?? {};
  const known = plain === undefined ? (all[name]?.plain ?? '') : sha256(plain);
  const next = { ...all, [name]: { sealed: sha256(sealed), plain: known } };
  writeDurably(file(config), JSON.stringify(next, null, 2));
}

export function isAsSeen(seen: Seen | undefined, what: keyof Seen, text: string): boolean {
  return seen?.[what] === sha256(text);
}

const file = (config: LoadedConfig) => join(statePath(config.root, 'secrets'), 'at-rest.json');
