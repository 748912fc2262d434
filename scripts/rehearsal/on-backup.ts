import type { OnBackup } from '@drydock/db';

/** A rehearsal on a backup: db fills its copy by what backups restore. */
export const onBackup: OnBackup = async (ctx, id, trust) => {
  const { rehearsalOnBackup } = await import('@drydock/backups');
  return rehearsalOnBackup(ctx, id, trust);
};
