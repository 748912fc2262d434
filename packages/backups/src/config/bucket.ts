import { z } from 'zod';

/** Where a bucket is found: of a store of ours, and of pgBackRest's repository. */
export const bucketShape = {
  bucket: z.string().default('BACKUP_BUCKET').describe('Variable with the name of the bucket.'),
  endpoint: z
    .string()
    .default('S3_ENDPOINT')
    .describe('Variable with the address of the server, with its path if it has one; only needed away from AWS.'),
  region: z.string().default('S3_REGION').describe('Variable with the region.'),
  pathStyle: z
    .boolean()
    .default(false)
    .describe('`https://host/bucket/key`, as MinIO and the like want it, instead of `https://bucket.host/key`.'),
};
