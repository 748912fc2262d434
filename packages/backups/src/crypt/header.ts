import type { Secret } from '@drydock/kit';
import { keysIn } from './identity.ts';

/** Ends the header of an age file (age-encryption.org/v1): its MAC, and nothing that is secret. */
const END = /\n--- [A-Za-z0-9+/]{43}\n/;
/** A recipient takes some hundred bytes. */
const MOST_BYTES = 1_048_576;

/** Whether a key opens what is stored: its header says so, and nothing behind it is read. */
export async function opensHeader(stored: AsyncIterable<Uint8Array>, identity: Secret): Promise<boolean> {
  const { Decrypter } = await import('age-encryption');
  const decrypter = new Decrypter();
  for (const key of keysIn(identity)) decrypter.addIdentity(key);
  const header = await readHeader(stored);
  try {
    await decrypter.decryptHeader(header);
    return true;
  } catch (cause) {
    if (/no identity matched/i.test((cause as Error).message)) return false;
    throw cause;
  }
}

async function readHeader(stored: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  let read = Buffer.alloc(0);
  for await (const piece of stored) {
    read = Buffer.concat([read, piece]);
    const end = END.exec(read.toString('latin1'));
    // Leaving the loop ends the transfer.
    if (end) return read.subarray(0, end.index + end[0].length);
    if (read.length > MOST_BYTES) break;
  }
  throw new Error('What is stored does not begin as an age file does.');
}
