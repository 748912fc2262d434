import { linkSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { makeStateFolder, readOwn, Secret, statePath, syncFolder, usageError, writeDurably } from '@drydock/kit';
import { keysIn } from './identity.ts';

const FILE = 'identity.txt';
const LABEL = 'the key of this checkout';

function fileOf(root: string): string {
  return join(statePath(root, 'secrets'), FILE);
}

/** Undefined where none was made yet. */
export function readCheckoutKey(root: string): Secret | undefined {
  const file = fileOf(root);
  const text = readOwn(file);
  if (text === undefined) return undefined;
  if (keysIn(text).length > 0 && keysIn(text).every((key) => key.startsWith('AGE-SECRET-KEY-1')))
    return new Secret(text, LABEL);
  throw usageError(
    'CHECKOUT_KEY_DAMAGED',
    `${file} holds no private key of age, and what was encrypted to this checkout cannot be opened without it.`,
    `Bring it back from a copy. Where nothing is pending, begin anew: rm ${file}`,
  );
}

/** The key of a checkout whose config names no team: made once. Of two who make it at once one wins, for both. */
export async function makeCheckoutKey(root: string): Promise<Secret> {
  const there = readCheckoutKey(root);
  if (there) return there;
  const { generateIdentity, identityToRecipient } = await import('age-encryption');
  const identity = await generateIdentity();
  const folder = makeStateFolder(root, 'secrets');
  const mine = join(folder, `${FILE}.${process.pid}`);
  writeDurably(mine, `# public key: ${await identityToRecipient(identity)}\n${identity}\n`);
  try {
    linkSync(mine, join(folder, FILE));
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw cause;
  } finally {
    rmSync(mine, { force: true });
  }
  syncFolder(folder);
  const made = readCheckoutKey(root);
  if (!made) throw new Error(`${join(folder, FILE)} was made, and is not there`);
  return made;
}
