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
