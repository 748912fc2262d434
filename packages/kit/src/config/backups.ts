import { z } from 'zod';
import { pitrSchema } from './pitr.ts';
import { scheduleSchema } from './schedule.ts';

const fileStoreSchema = z.strictObject({
  kind: z.literal('file'),
  /** A folder, relative to the config: one folder per environment and backup below it. */
  path: z.string(),
});

const s3StoreSchema = z.strictObject({
  kind: z.literal('s3'),
  /** Variables with what differs per environment or is secret. An endpoint is only needed away from AWS. */
  bucket: z.string().default('BACKUP_BUCKET'),
  endpoint: z.string().default('S3_ENDPOINT'),
  region: z.string().default('S3_REGION'),
  accessKeyId: z.string().default('S3_ACCESS_KEY_ID'),
  secretAccessKey: z.string().default('S3_SECRET_ACCESS_KEY'),
  /** Before every key: `shop/pg`. */
  prefix: z.string().default(''),
  /** `https://host/bucket/key`, as MinIO and the like want it, instead of `https://bucket.host/key`. */
  pathStyle: z.boolean().default(false),
  /** Encryption by the server, besides ours. */
  serverSideEncryption: z.enum(['AES256', 'aws:kms']).optional(),
  kmsKeyId: z.string().optional(),
  /** Days for which nobody can delete a backup (S3 Object Lock, compliance mode). The bucket must have been made with it. */
  objectLockDays: z.number().int().positive().optional(),
  /** The server has If-None-Match: nothing that is there is ever written over. */
  conditionalWrites: z.boolean().default(false),
});

/** An Ed25519 public key as it stands between the lines of a PEM file (RFC 8410): what backup:keygen prints. */
const PUBLIC_KEY = /^MCowBQYDK2VwAyEA[A-Za-z0-9+/]{43}=$/;

/** Who may make backups: the key itself, or the variable that holds it. */
const signerSchema = z.union([
  z.strictObject({
    name: z.string().min(1),
    key: z.string().regex(PUBLIC_KEY, 'is no public key of a signer; npm run backup:keygen makes a pair'),
  }),
  z.strictObject({
    name: z.string().min(1),
    variable: z.string().regex(/^[A-Z][A-Z0-9_]*$/, 'must be UPPER_SNAKE_CASE'),
  }),
]);

export const backupsSchema = z.strictObject({
  /** Each backup goes to all of them at once: a second one elsewhere makes it 3-2-1. */
  stores: z
    .array(z.discriminatedUnion('kind', [fileStoreSchema, s3StoreSchema]))
    .min(1)
    .prefault([{ kind: 'file', path: '.drydock/backups' }]),
  /** Variable with one or more age public keys, separated by commas. */
  recipients: z.string().default('BACKUP_RECIPIENTS'),
  /** Variable with the age private key; only where backups are opened. */
  identity: z.string().default('BACKUP_IDENTITY'),
  /** Variable with the key that signs backups; only on hosts that make them, never beside the identity. */
  signingKey: z.string().default('BACKUP_SIGNING_KEY'),
  /** Whose backups are opened without --trust. Several while a key is replaced: the old one stays as long as its backups. */
  signers: z
    .array(signerSchema)
    .refine((signers) => new Set(signers.map(({ name }) => name)).size === signers.length, 'two signers have one name')
    .default([]),
  /** Of zstd: 1 keeps pace with the server on one core, 19 is smallest. */
  compressionLevel: z.number().int().min(1).max(19).default(1),
  /** What is kept; what several of these keep is kept once. */
  retention: z
    .strictObject({
      days: z.number().int().min(1).default(30),
      last: z.number().int().min(1).default(3),
      daily: z.number().int().min(0).default(0),
      weekly: z.number().int().min(0).default(0),
      monthly: z.number().int().min(0).default(0),
    })
    .prefault({}),
  /** Past these backup:status says no. */
  limits: z
    .strictObject({
      /** Age of the newest good backup. */
      ageHours: z.number().positive().default(26),
      /** Since the last drill that passed. */
      drillDays: z.number().positive().default(90),
      /** Beyond this size, or below this RPO (a nightly job drifts by some minutes), dumps cannot serve: see backup:pitr. */
      sizeGiB: z.number().positive().default(100),
      rpoMinutes: z.number().positive().default(1_560),
    })
    .prefault({}),
  /** Read queries of the product that a drill runs: `*.sql`, relative to the config. */
  drills: z.string().default('drills'),
  /** Where drills are written down, relative to the config. */
  drillLog: z.string().default('docs/OPERATIONS_BACKUPS_RUNBOOK.md'),
  /** Commands around the swap of a restore in place, e.g. maintenance mode on and off. */
  drain: z.strictObject({ before: z.array(z.string()).min(1), after: z.array(z.string()).min(1) }).optional(),
  schedule: scheduleSchema.prefault({}),
  pitr: pitrSchema.prefault({}),
});

export type StoreConfig = z.output<typeof backupsSchema>['stores'][number];
export type SignerConfig = z.output<typeof signerSchema>;
