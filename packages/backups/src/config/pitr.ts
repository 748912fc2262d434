import { z } from 'zod';
import { bucketShape } from './bucket.ts';

const folder = z.string().startsWith('/', 'must be a whole path, from / on');

const repository = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('posix').describe('`posix`: a folder. `s3`: a bucket.'),
    path: folder.default('/var/lib/pgbackrest').describe('A folder of the database’s host, or in the bucket.'),
  }),
  z.strictObject({
    kind: z.literal('s3').describe('`posix`: a folder. `s3`: a bucket.'),
    path: folder.default('/pgbackrest').describe('A folder of the database’s host, or in the bucket.'),
    ...bucketShape,
  }),
]);

/** The hand-over to pgBackRest, for a database whose size or RPO dumps cannot serve. Paths are of the database's host. */
export const pitrSchema = z.strictObject({
  repository: repository.prefault({ kind: 'posix' }).describe('Where pgBackRest keeps backups and WAL.'),
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
  queueGiB: z
    .number()
    .int()
    .positive()
    .optional()
    .describe(
      'So much WAL may wait to be sent; beyond it is thrown away, which breaks the way back until the next full backup, and keeps the disk from filling. Left out, it waits.',
    ),
  server: z
    .strictObject({
      dataFolder: folder.optional().describe("The server's data_directory."),
      socketFolder: folder.optional().describe('Where its socket lies.'),
      user: z
        .string()
        .optional()
        .describe("Role that pgBackRest connects as; by itself it takes the name of the system's user."),
    })
    .prefault({})
    .describe('What is not given is asked of the server.'),
  configFile: folder.default('/etc/pgbackrest.conf').describe("pgBackRest's own file."),
  logFolder: folder.default('/var/log/pgbackrest').describe('Where it writes its log.'),
  spoolFolder: folder.default('/var/spool/pgbackrest').describe('Where WAL waits to be sent.'),
  lockFolder: folder.default('/tmp/pgbackrest').describe('Where its locks lie.'),
});
