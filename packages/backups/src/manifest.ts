import { createHash } from 'node:crypto';
import { z } from 'zod';
import { type Manifest, readerOf } from './manifest-formats.ts';
import { isSignedBy, type Signature, type Signer } from './signature.ts';

export type { Manifest } from './manifest-formats.ts';

/**
 * One way to write it, sealed with a SHA-256 over everything before the seal: a flipped bit shows, wherever it is. The
 * seal is no proof of who wrote it; the signature is, and covers the text up to and with the seal.
 */
export function writeManifest(manifest: Manifest, signer?: Signer): string {
  // In the order of the schema, whoever made it.
  const ordered = (readerOf(manifest.format) as z.ZodType<Manifest>).parse(manifest);
  const sealed = { ...ordered, seal: sealOf(ordered) };
  return textOf(signer ? { ...sealed, signature: signer.sign(textOf(sealed)) } : sealed);
}

export type ReadManifest =
  /** `signedBy` is the public key of a signature that holds; `digest` the SHA-256 of the text. */
  | { ok: true; manifest: Manifest; signedBy: string | undefined; digest: string; text: string }
  /** `forged`: not a broken disk, but somebody wrote it. */
  | { ok: false; why: string; forged?: true };

/** Refuses what no `writeManifest` of any version would have written, to the letter. */
export function readManifest(text: string): ReadManifest {
  let written: Record<string, unknown>;
  try {
    written = z.record(z.string(), z.unknown()).parse(JSON.parse(text));
  } catch {
    return { ok: false, why: 'its manifest cannot be read' };
  }
  const { signature, ...sealed } = written;
  const { seal, ...content } = sealed;
  if (textOf(written) !== text || seal !== sealOf(content))
    return { ok: false, why: 'its manifest is not what was written' };
  const reader = readerOf(content.format);
  if (!reader) return { ok: false, why: 'its manifest is of a format that this version does not read' };
  const read = reader.safeParse(content);
  if (!read.success) {
    const what = read.error.issues[0]?.path.join('.') || 'its form';
    return { ok: false, why: `its manifest holds what none may hold (${what})`, forged: true };
  }
  const signed = signatureSchema.optional().safeParse(signature);
  if (!signed.success || (signed.data && !isSignedBy(signed.data, textOf(sealed))))
    return { ok: false, why: 'the signature on its manifest is not one of it', forged: true };
  return { ok: true, manifest: read.data, signedBy: signed.data?.key, digest: digestOf(text), text };
}

const signatureSchema: z.ZodType<Signature> = z.strictObject({ key: z.string(), value: z.string() });

function sealOf(content: object): string {
  return sha256(JSON.stringify(content, null, 2));
}

function textOf(content: object): string {
  return `${JSON.stringify(content, null, 2)}\n`;
}

/** Which backup it is, to the letter. */
export function digestOf(text: string): string {
  return sha256(text);
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
