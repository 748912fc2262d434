export { backupStep } from './backup.ts';
export { newBackupId } from './names.ts';
export { rehearsalOnBackup } from './rehearsal.ts';
export { backupTarget } from './target.ts';
