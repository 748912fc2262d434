import { defineSection, type SectionInput, type SectionOutput } from '@drydock/kit';
import { z } from 'zod';
import { bucketShape } from './bucket.ts';
import { pitrSchema } from './pitr.ts';
import { scheduleSchema } from './schedule.ts';

const fileStoreSchema = z.strictObject({
  kind: z.literal('file').describe('`file`: a folder. `s3`: a bucket of AWS, MinIO or the like.'),
  path: z
    .string()
    .describe('A folder, relative to the config: one folder per environment and backup below it.')
    .meta({ examples: ['/mnt/backups'] }),
});

const s3StoreSchema = z.strictObject({
  kind: z.literal('s3').describe('`file`: a folder. `s3`: a bucket of AWS, MinIO or the like.'),
  ...bucketShape,
  accessKeyId: z
    .string()
    .default('S3_ACCESS_KEY_ID')
    .describe("Variable with the id of the key; where it is not set, the machine's own role is used."),
  secretAccessKey: z.string().default('S3_SECRET_ACCESS_KEY').describe('Variable with the key itself.'),
  prefix: z.string().default('').describe('Before every key: `shop/pg`.'),
  serverSideEncryption: z.enum(['AES256', 'aws:kms']).optional().describe('Encryption by the server, besides ours.'),
  kmsKeyId: z.string().optional().describe('The key of AWS KMS that the server encrypts with.'),
  objectLockDays: z
    .number()
    .int()
    .positive()
    .optional()
    .describe(
      'Days for which nobody can delete a backup (S3 Object Lock, compliance mode). The bucket must have been made with it, and have a lifecycle rule NoncurrentVersionExpiration: what is deleted later is hidden by a marker, and paid for until then.',
    ),
  conditionalWrites: z
    .boolean()
    .default(false)
    .describe('The server has If-None-Match: nothing that is there is ever written over.'),
  checksums: z
    .boolean()
    .default(true)
    .describe(
      'Each request carries a CRC32; `false` for servers that refuse what they do not know (older Ceph, some of Backblaze B2).',
    ),
});

/** One place where bytes lie by key. */
export const storeSchema = z
  .discriminatedUnion('kind', [fileStoreSchema, s3StoreSchema])
  .refine((store) => store.kind === 'file' || store.checksums || store.objectLockDays === undefined, {
    path: ['checksums'],
    message: 'must be true with objectLockDays: S3 takes no lock without a checksum',
  });

/** An Ed25519 public key as it stands between the lines of a PEM file (RFC 8410): what backup:keygen prints. */
const PUBLIC_KEY = /^MCowBQYDK2VwAyEA[A-Za-z0-9+/]{43}=$/;

/** Who may make backups: the key itself, or the variable that holds it. */
const signerSchema = z.union([
  z.strictObject({
    name: z.string().min(1).describe('What it is called in findings and reports.'),
    key: z
      .string()
      .regex(PUBLIC_KEY, 'is no public key of a signer; backup:keygen makes a pair')
      .describe('Its public key, as backup:keygen prints it.'),
  }),
  z.strictObject({
    name: z.string().min(1).describe('What it is called in findings and reports.'),
    variable: z
      .string()
      .regex(/^[A-Z][A-Z0-9_]*$/, 'must be UPPER_SNAKE_CASE')
      .describe('Variable with its public key, instead of `key`; several between commas while it is replaced.'),
  }),
]);

const backupsSchema = z.strictObject({
  stores: z
    .array(storeSchema)
    .min(1)
    .prefault([{ kind: 'file', path: '.drydock/backups' }])
    .describe('Each backup goes to all of them at once: a second one elsewhere makes it 3-2-1.'),
  recipients: z
    .string()
    .default('BACKUP_RECIPIENTS')
    .describe('Variable with one or more age public keys, separated by commas.'),
  identity: z
    .string()
    .default('BACKUP_IDENTITY')
    .describe(
      'Variable with the age private key; only where backups are opened. Several, separated by commas, while old backups need an old one.',
    ),
  signingKey: z
    .string()
    .default('BACKUP_SIGNING_KEY')
    .describe('Variable with the key that signs backups; only on hosts that make them, never beside the identity.'),
  signers: z
    .array(signerSchema)
    .refine((signers) => new Set(signers.map(({ name }) => name)).size === signers.length, 'two signers have one name')
    .default([])
    .describe(
      'Whose backups are opened without --trust. Several while a key is replaced: the old one stays as long as its backups.',
    ),
  compressionLevel: z
    .number()
    .int()
    .min(1)
    .max(19)
    .default(1)
    .describe('Of zstd: 1 keeps pace with the server on one core, 19 is smallest.'),
  retention: z
    .strictObject({
      days: z.number().int().min(1).default(30).describe('All that are younger.'),
      last: z.number().int().min(1).default(3).describe('The newest, however old they are.'),
      daily: z.number().int().min(0).default(0).describe('One a day, for so many days.'),
      weekly: z.number().int().min(0).default(0).describe('One a week, for so many weeks.'),
      monthly: z.number().int().min(0).default(0).describe('One a month, for so many months.'),
    })
    .prefault({})
    .describe('What is kept; what several of these keep is kept once.'),
  limits: z
    .strictObject({
      ageHours: z.number().positive().default(26).describe('Age of the newest good backup.'),
      drillDays: z.number().positive().default(90).describe('Since the last drill that passed.'),
      sizeGiB: z.number().positive().default(100).describe('Beyond this size dumps cannot serve: see backup:pitr.'),
      rpoMinutes: z
        .number()
        .positive()
        .default(1_560)
        .describe('The longest stretch of work that may be lost; a nightly job drifts by some minutes.'),
    })
    .prefault({})
    .describe('Past these backup:status says no.'),
  drills: z
    .string()
    .default('drills')
    .describe('Read queries of the product that a drill runs: `*.sql`, relative to the config.'),
  drillLog: z
    .string()
    .default('docs/OPERATIONS_BACKUPS_RUNBOOK.md')
    .describe('Where docs:records writes drills down, relative to the config.'),
  drain: z
    .strictObject({
      before: z.array(z.string()).min(1).describe('Program and arguments, run before the swap.'),
      after: z.array(z.string()).min(1).describe('Program and arguments, run after it.'),
    })
    .optional()
    .describe('Commands around the swap of a restore in place, e.g. maintenance mode on and off.'),
  schedule: scheduleSchema.prefault({}).describe('When backups are made, pruned and tried: five fields of cron each.'),
  pitr: pitrSchema
    .prefault({})
    .describe(
      "The hand-over to pgBackRest, for a database whose size or RPO dumps cannot serve. Paths are of the database's host.",
    ),
});

export const backupsSection = defineSection({
  key: 'backups',
  about: 'Where backups go, who makes and opens them, how long they stay, and when they are due.',
  schema: backupsSchema,
  example: {
    stores: [
      { kind: 'file', path: '/mnt/backups' },
      { kind: 's3', prefix: 'shop/pg', serverSideEncryption: 'aws:kms', kmsKeyId: 'alias/backups', objectLockDays: 30 },
      { kind: 's3', bucket: 'SECOND_BUCKET', endpoint: 'SECOND_ENDPOINT', checksums: false },
    ],
    signers: [
      { name: 'backup-host', key: 'MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=' },
      { name: 'new-host', variable: 'BACKUP_SIGNER' },
    ],
    retention: { days: 30, weekly: 8, monthly: 12 },
    drain: { before: ['./maintenance', 'on'], after: ['./maintenance', 'off'] },
    schedule: { backup: '17 2 * * *', prune: '5 6 * * SUN', timeZone: 'Europe/Berlin' },
    pitr: {
      queueGiB: 50,
      server: { dataFolder: '/var/lib/postgresql/15/main', socketFolder: '/var/run/postgresql', user: 'postgres' },
    },
  },
  operators: ({ identity, signingKey }) => [identity, signingKey],
});

declare module '@drydock/kit' {
  interface ConfigSections {
    backups?: SectionInput<typeof backupsSection>;
  }
}

export type BackupsConfig = SectionOutput<typeof backupsSection>;
export type StoreConfig = BackupsConfig['stores'][number];
