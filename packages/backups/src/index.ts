export type { Manifest } from './manifest.ts';
export { type BackupSource, findBackup, restoreInto } from './open.ts';
export { backupStep, backupTarget, newBackupId } from './steps.ts';
export { backupTask, keygenTask, listTask } from './tasks.ts';
