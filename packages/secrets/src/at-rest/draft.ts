import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { isMissing, makeStateFolder, statePath, writeDurably } from '@drydock/kit';
import { z } from 'zod';
import type { Place } from '../store/place.ts';
import { keepSealed } from '../store/previous.ts';
import { sha256 } from './list.ts';

type At = Pick<Place, 'config' | 'environment' | 'team'>;

/** What somebody has edited and what could not be sealed: kept encrypted until the next secrets:edit. */
export interface Draft {
  text: string;
  /** It was begun on this very version of the sealed file. */
  isOf(sealed: string): boolean;
}

const schema = z.strictObject({ base: z.string(), text: z.string() });

function pathOf({ config, environment }: At, sealedName: string): string {
  return join(statePath(config.root, 'secrets', 'drafts', environment.name), `${encodeURIComponent(sealedName)}.age`);
}

/** `base` is the digest of the sealed file that it was begun on. */
export async function keepDraft(at: At, sealedName: string, draft: { base: string; text: string }): Promise<void> {
  const sealed = await at.team.seal(JSON.stringify(draft));
  makeStateFolder(at.config.root, 'secrets', 'drafts', at.environment.name);
  writeDurably(pathOf(at, sealedName), sealed);
}

export async function readDraft(at: At, sealedName: string): Promise<Draft | undefined> {
  const sealed = readKept(at, sealedName);
  if (sealed === undefined) return undefined;
  const { base, text } = schema.parse(JSON.parse(await at.team.open(sealed, `what was edited of ${sealedName}`)));
  return { text, isOf: (current) => base === sha256(current) };
}

export function dropDraft(at: At, sealedName: string): void {
  rmSync(pathOf(at, sealedName), { force: true });
}

/** Not wanted any more; it stays among the versions of before. */
export function discardDraft(at: At, sealedName: string): void {
  const sealed = readKept(at, sealedName);
  if (sealed !== undefined) keepSealed(at, { of: `${sealedName} as edited`, sealed });
  dropDraft(at, sealedName);
}

function readKept(at: At, sealedName: string): string | undefined {
  try {
    return readFileSync(pathOf(at, sealedName), 'utf8');
  } catch (cause) {
    if (isMissing(cause)) return undefined;
    throw cause;
  }
}
