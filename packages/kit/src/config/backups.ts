import { z } from 'zod';

const fileStore = z.strictObject({ kind: z.literal('file'), path: z.string() });
const s3Store = z.strictObject({
  kind: z.literal('s3'),
  bucket: z.string(),
  prefix: z.string().default(''),
  region: z.string().default('us-east-1'),
  /** Names of variables; left out, the AWS SDK's own chain is used. */
  endpoint: z.string().optional(),
  accessKeyId: z.string().optional(),
  secretAccessKey: z.string().optional(),
  forcePathStyle: z.boolean().default(false),
});

export const backupsSchema = z.strictObject({
  stores: z
    .array(z.discriminatedUnion('kind', [fileStore, s3Store]))
    .default([{ kind: 'file', path: '.drydock/backups' }]),
  /** Variable with one or more age public keys, separated by commas. */
  recipients: z.string().default('BACKUP_RECIPIENTS'),
  retentionDays: z.number().int().positive().default(30),
});
export type StoreConfig = z.output<typeof backupsSchema>['stores'][number];
