import { z } from 'zod';
import { commonShape } from '../../config/common.ts';

export const backupSignerSecret = z
  .strictObject({
    kind: z.literal('backup-signer'),
    variable: z.string().default('BACKUP_SIGNING_KEY').describe('Variable with the secret half, which signs.'),
    signers: z
      .string()
      .default('BACKUP_SIGNER')
      .describe(
        "Variable with the public keys of whose backups are opened, separated by commas; `backups.signers` reads it: { name: 'host', variable: 'BACKUP_SIGNER' }.",
      ),
    ...commonShape,
  })
  .describe('The key that signs backups, with its public half by which they are believed.');
export type BackupSignerSecret = z.output<typeof backupSignerSecret>;
