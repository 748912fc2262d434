import { z } from 'zod';
import { commonShape } from '../../config/common.ts';

const command = (...example: string[]) =>
  z
    .array(z.string())
    .min(1)
    .meta({ examples: [example] });

const issuerSchema = z.discriminatedUnion('by', [
  z
    .strictObject({
      by: z.literal('iam').describe('`iam`: AWS. `command`: a program of yours. `ask`: by hand.'),
      user: z
        .string()
        .optional()
        .meta({ examples: ['backups'] })
        .describe('Its name; left out, the user that the keys themselves belong to.'),
      endpoint: z
        .string()
        .default('AWS_ENDPOINT_URL_IAM')
        .describe('Variable with the address of the service, if it is not that of AWS.'),
      quietSeconds: z
        .number()
        .int()
        .min(0)
        .default(3_600)
        .describe('Nobody uses the old key any more of whom IAM has not seen anything for so long.'),
    })
    .describe(
      "AWS's IAM, with the rights that the keys have on themselves: iam:CreateAccessKey, ListAccessKeys, GetAccessKeyLastUsed, UpdateAccessKey, DeleteAccessKey.",
    ),
  z
    .strictObject({
      by: z.literal('command'),
      create: command('scripts/minio-key', 'add').describe(
        'Makes a pair, and prints it as JSON: {"accessKeyId": "…", "secretAccessKey": "…"}. Gets ROTATION in its environment; called twice with the same, it makes no third.',
      ),
      remove: command('scripts/minio-key', 'end').describe(
        'Ends the key whose id it gets as ACCESS_KEY_ID in its environment; one that is gone is no error.',
      ),
      timeoutMs: z.number().int().positive().default(60_000).describe('How long each may take.'),
    })
    .describe('A program, for a store with an administration of its own (MinIO, Ceph).'),
  z.strictObject({ by: z.literal('ask') }).describe('Somebody makes and ends them by hand; both halves are asked for.'),
]);

export const s3Secret = z
  .strictObject({
    kind: z.literal('s3'),
    accessKeyId: z.string().default('S3_ACCESS_KEY_ID').describe('Variable with the id of the key.'),
    secretAccessKey: z.string().default('S3_SECRET_ACCESS_KEY').describe('Variable with the key itself.'),
    bucket: z.string().default('BACKUP_BUCKET').describe('Variable with the name of the bucket.'),
    endpoint: z
      .string()
      .default('S3_ENDPOINT')
      .describe('Variable with the address of the server; only needed away from AWS.'),
    region: z.string().default('S3_REGION').describe('Variable with the region.'),
    pathStyle: z.boolean().default(false).describe('`https://host/bucket/key`, as MinIO and the like want it.'),
    prefix: z.string().default('').describe('Where the keys may write: an object below it is put, read and deleted.'),
    issuer: issuerSchema.prefault({ by: 'ask' }).describe('Who makes the keys.'),
    spreadSeconds: z
      .number()
      .int()
      .min(0)
      .default(60)
      .describe('How long a change of keys may take until every server of the store knows it.'),
    settleSeconds: z.number().int().min(0).default(0).describe('How long both stay valid at least.'),
    ...commonShape,
  })
  .describe('The access key of a bucket.');
export type S3Secret = z.output<typeof s3Secret>;
export type IamIssuer = Extract<S3Secret['issuer'], { by: 'iam' }>;
