import { z } from 'zod';

const folder = z.string().startsWith('/', 'must be a whole path, from / on');

const repository = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('posix'), path: folder.default('/var/lib/pgbackrest') }),
  z.strictObject({
    kind: z.literal('s3'),
    path: folder.default('/pgbackrest').describe('In the bucket.'),
    bucket: z
      .string()
      .default('BACKUP_BUCKET')
      .describe('Variables with what differs per environment. An endpoint is only needed away from AWS.'),
    endpoint: z.string().default('S3_ENDPOINT'),
    region: z.string().default('S3_REGION'),
    pathStyle: z
      .boolean()
      .default(false)
      .describe('`https://host/bucket/key`, as MinIO and the like want it, instead of `https://bucket.host/key`.'),
  }),
]);

/** The hand-over to pgBackRest, for a database whose size or RPO dumps cannot serve. Paths are of the database's host. */
export const pitrSchema = z.strictObject({
  repository: repository.prefault({ kind: 'posix' }),
  rpoMinutes: z.number().positive().default(2).describe('The longest stretch of work that may be lost.'),
  days: z.number().int().min(1).default(30).describe('How far back one can go.'),
  compressionLevel: z.number().int().min(1).max(19).default(3).describe('Of zstd.'),
  processes: z
    .number()
    .int()
    .min(1)
    .default(2)
    .describe(
      "Processes that compress and send at once; at most a quarter of the host's cores is kind to the database.",
    ),
  server: z
    .strictObject({
      dataFolder: folder.optional(),
      socketFolder: folder.optional(),
      user: z
        .string()
        .optional()
        .describe("Role that pgBackRest connects as; by itself it takes the name of the system's user."),
    })
    .prefault({})
    .describe('What is not given is asked of the server.'),
  configFile: folder.default('/etc/pgbackrest.conf'),
  logFolder: folder.default('/var/log/pgbackrest'),
  spoolFolder: folder.default('/var/spool/pgbackrest'),
  lockFolder: folder.default('/tmp/pgbackrest'),
});
