import { createHash } from 'node:crypto';
import { z } from 'zod';

const measuredSchema = z.strictObject({ bytes: z.number().int().min(0), sha256: z.string().regex(/^[0-9a-f]{64}$/) });

const manifestSchema = z.strictObject({
  format: z.literal(1),
  id: z.string(),
  env: z.string(),
  product: z.string(),
  database: z.string(),
  run: z.string(),
  actor: z.string(),
  reason: z.string().nullable(),
  /** ISO 8601, UTC. */
  startedAt: z.iso.datetime(),
  durationMs: z.number().int().min(0),
  /** What `age -d | zstd -d` gives of the dump. */
  plain: measuredSchema,
  /** As they lie in the store. */
  objects: z.array(measuredSchema.extend({ name: z.string() })),
  serverVersion: z.string(),
  dumpVersion: z.string(),
  /** Commit of the product's checkout, where there is one. */
  commit: z.string().nullable(),
  /** Newest migration of Prisma's history, where there is one. */
  migrationHead: z.string().nullable(),
  recipients: z.array(z.string()),
  extensions: z.array(z.string()),
  /** Roles that own something in the database, or may do something there. */
  roles: z.array(z.string()),
  locale: z.strictObject({ encoding: z.string(), collate: z.string(), ctype: z.string() }),
  /** How many of each kind of object; see structure.ts. */
  structure: z.record(z.string(), z.number().int().min(0)),
  /** Of the same snapshot as the dump; null with `--checksums off`. See checksums.ts. */
  tables: z.array(z.strictObject({ name: z.string(), rows: z.number().int().min(0), checksum: z.string() })).nullable(),
  largeObjects: z.strictObject({ count: z.number().int().min(0), checksum: z.string() }).nullable(),
  /** Where each sequence stood; if it moved during the dump, what it is not behind. Not in backups of before it was kept. */
  sequences: z
    .array(
      z.strictObject({
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

/** One way to write it, sealed with a SHA-256 over everything before the seal: a flipped bit shows, wherever it is. */
export function writeManifest(manifest: Manifest): string {
  // In the order of the schema, whoever made it.
  const ordered = manifestSchema.parse(manifest);
  const seal = sha256(JSON.stringify(ordered, null, 2));
  return `${JSON.stringify({ ...ordered, seal }, null, 2)}\n`;
}

export type ReadManifest = { ok: true; manifest: Manifest } | { ok: false; why: string };

/** Refuses what `writeManifest` would not have written, to the letter. */
export function readManifest(text: string): ReadManifest {
  try {
    const { seal: _, ...rest } = JSON.parse(text) as Record<string, unknown>;
    const manifest = manifestSchema.parse(rest);
    if (writeManifest(manifest) !== text) return { ok: false, why: 'its manifest is not what was written' };
    return { ok: true, manifest };
  } catch {
    return { ok: false, why: 'its manifest cannot be read' };
  }
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
