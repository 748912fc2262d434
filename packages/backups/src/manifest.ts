import { createHash } from 'node:crypto';
import { z } from 'zod';
import { givenSchema } from './dump/given.ts';
import { isObjectName, timeOf } from './names.ts';
import { isSignedBy, type Signature, type Signer } from './signature.ts';

const measuredSchema = z.object({ bytes: z.number().int().min(0), sha256: z.string().regex(/^[0-9a-f]{64}$/) });
/** A word that stands in keys and lines of output. */
const word = z.string().regex(/^[a-z0-9][a-z0-9._-]{0,62}$/i);

/** Fields that are not known are those of a later version, and are passed over: the seal and the signature cover them all. */
const manifestSchema = z.object({
  format: z.literal(1),
  id: z.string().refine((id) => timeOf(id) !== undefined),
  env: word,
  product: z.string().min(1),
  database: z.string(),
  run: z.string(),
  actor: z.string(),
  reason: z.string().nullable(),
  /** ISO 8601, UTC. */
  startedAt: z.iso.datetime(),
  durationMs: z.number().int().min(0),
  /** What `age -d | zstd -d` gives of the dump. */
  plain: measuredSchema,
  /** As they lie in the store. A name is that of a file beside the manifest, whoever wrote it. */
  objects: z
    .array(measuredSchema.extend({ name: z.string().refine(isObjectName) }))
    .refine((objects) => new Set(objects.map(({ name }) => name)).size === objects.length),
  serverVersion: z.string(),
  dumpVersion: z.string(),
  /** Commit of the product's checkout, where there is one. */
  commit: z.string().nullable(),
  /** Newest migration of Prisma's history, where there is one. */
  migrationHead: z.string().nullable(),
  recipients: z.array(z.string()),
  extensions: z.array(z.string()),
  /** Their versions: what a dump says is no more than their names. Not in backups of before it was kept. */
  extensionVersions: z.record(z.string(), z.string()).optional(),
  /** Roles that own something in the database, or may do something there. */
  roles: z.array(z.string()),
  /** Those of them that own something. Not in backups of before it was kept. */
  owners: z.array(z.string()).optional(),
  /** What leads out of the database, or in: `subscription live`, `publication everything`. Not in backups of before it was kept. */
  outward: z.array(z.string()).optional(),
  /** What not every role may give the database again. Not in backups of before it was kept. */
  given: givenSchema.optional(),
  locale: z.object({ encoding: z.string(), collate: z.string(), ctype: z.string() }),
  /** How many of each kind of object; see structure.ts. */
  structure: z.record(z.string(), z.number().int().min(0)),
  /** Of each kind a hash over all objects, for a server of the same major version. Not in backups of before it was kept. */
  kinds: z.record(z.string(), z.string()).optional(),
  /** Of the same snapshot as the dump; null with `--checksums off`. See checksums.ts. */
  tables: z.array(z.object({ name: z.string(), rows: z.number().int().min(0), checksum: z.string() })).nullable(),
  largeObjects: z.object({ count: z.number().int().min(0), checksum: z.string() }).nullable(),
  /** Where each sequence stood; if it moved during the dump, what it is not behind. Not in backups of before it was kept. */
  sequences: z
    .array(
      z.object({
        name: z.string(),
        last: z.string().regex(/^-?\d+$/),
        called: z.boolean(),
        moved: z.boolean().optional(),
      }),
    )
    .optional(),
});

/** What is known of a backup; written last. Sizes in bytes, times in ISO 8601 UTC. */
export type Manifest = z.infer<typeof manifestSchema>;

/**
 * One way to write it, sealed with a SHA-256 over everything before the seal: a flipped bit shows, wherever it is. The
 * seal is no proof of who wrote it; the signature is, and covers the text up to and with the seal.
 */
export function writeManifest(manifest: Manifest, signer?: Signer): string {
  // In the order of the schema, whoever made it.
  const ordered = manifestSchema.parse(manifest);
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
  const read = manifestSchema.safeParse(content);
  if (!read.success && content.format !== 1)
    return { ok: false, why: 'its manifest is of a format that this version does not read' };
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
