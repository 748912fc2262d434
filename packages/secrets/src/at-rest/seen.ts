import { join } from 'node:path';
import { type LoadedConfig, makeStateFolder, readStateFile, statePath, writeDurably } from '@drydock/kit';
import { z } from 'zod';
import { sha256 } from './list.ts';

const schema = z.record(z.string(), z.strictObject({ sealed: z.string(), plain: z.string() }));

/** What this checkout saw last of a sealed file, and of what is in it: what differs since was changed by somebody else, or here. */
export interface Seen {
  sealed: string;
  plain: string;
}

export function seenOf(config: LoadedConfig, name: string): Seen | undefined {
  return readStateFile(file(config), schema)?.[name];
}

export function remember(config: LoadedConfig, name: string, { sealed, plain }: Seen): void {
  makeStateFolder(config.root, 'secrets');
  const all = readStateFile(file(config), schema) ?? {};
  const next = { ...all, [name]: { sealed: sha256(sealed), plain: sha256(plain) } };
  writeDurably(file(config), JSON.stringify(next, null, 2));
}

export function isAsSeen(seen: Seen | undefined, what: keyof Seen, text: string): boolean {
  return seen?.[what] === sha256(text);
}

const file = (config: LoadedConfig) => join(statePath(config.root, 'secrets'), 'at-rest.json');
