import { z } from 'zod';

export const backupsSchema = z.strictObject({
  /** A folder, relative to the config: one folder per environment and backup below it. */
  store: z
    .strictObject({ kind: z.literal('file'), path: z.string() })
    .prefault({ kind: 'file', path: '.drydock/backups' }),
  /** Variable with one or more age public keys, separated by commas. */
  recipients: z.string().default('BACKUP_RECIPIENTS'),
  /** Variable with the age private key; only where backups are opened. */
  identity: z.string().default('BACKUP_IDENTITY'),
});
