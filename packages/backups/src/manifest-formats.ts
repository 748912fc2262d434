import { z } from 'zod';
import { givenSchema } from './dump/given.ts';
import { isObjectName, timeOf } from './names.ts';

const measuredSchema = z.object({ bytes: z.number().int().min(0), sha256: z.string().regex(/^[0-9a-f]{64}$/) });
/** A word that stands in keys and lines of output. */
const word = z.string().regex(/^[a-z0-9][a-z0-9._-]{0,62}$/i);

/** Fields that are not known are those of a later version, and are passed over: the seal and the signature cover them all. */
const common = {
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
  /** The same of each thing that has a name, to name what differs. Not in backups of before it was kept. */
  things: z.record(z.string(), z.string()).optional(),
  /** Of the same snapshot as the dump; null with `--checksums off`. What the sums are, the format says. */
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
};

/** Sums of rows are made by the server, value by value, with its own hash functions (dump/checksums.ts). */
const format1 = z.object({ format: z.literal(1), ...common, plain: measuredSchema });

/** Of the database, as it was when the rows were summed: what the text of values depends on. */
const textSettings = z.record(z.string(), z.string()).optional();

/** Sums are SHA-256 of the rows as COPY writes them, in the order of the dump (archive/row-sum.ts); of large objects see archive/line-sum.ts. */
const format2 = z.object({ format: z.literal(2), ...common, plain: measuredSchema, textSettings });

/**
 * The same, without a SHA-256 of the dump in the clear: the stored object has one, age lets no bit of it change unseen, zstd sums what it
 * compressed, and the rows have their own. Hashing production's rows twice was a tenth of a backup's time.
 */
const format3 = z.object({
  format: z.literal(3),
  ...common,
  plain: measuredSchema.pick({ bytes: true }),
  textSettings,
});

/** What is known of a backup; written last. Sizes in bytes, times in ISO 8601 UTC. */
export type Manifest = z.infer<typeof format1> | z.infer<typeof format2> | z.infer<typeof format3>;

/** Each format that was ever written is read for ever: a backup is as old as it is. */
const FORMATS = new Map<unknown, z.ZodType<Manifest>>([
  [1, format1],
  [2, format2],
  [3, format3],
]);

/** Undefined for a format of a version to come. */
export function readerOf(format: unknown): z.ZodType<Manifest> | undefined {
  return FORMATS.get(format);
}
