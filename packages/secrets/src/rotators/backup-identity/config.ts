import { z } from 'zod';
import { commonShape } from '../../config/common.ts';

export const backupIdentitySecret = z
  .strictObject({
    kind: z.literal('backup-identity'),
    identity: z
      .string()
      .default('BACKUP_IDENTITY')
      .describe(
        "Variable with age's private key: the one of now, and behind a comma those that only old backups are opened with.",
      ),
    recipients: z
      .string()
      .default('BACKUP_RECIPIENTS')
      .describe("Variable with age's public keys, separated by commas."),
    ...commonShape,
  })
  .describe('The key that opens backups, with its public half that they are encrypted to.');
export type BackupIdentitySecret = z.output<typeof backupIdentitySecret>;
