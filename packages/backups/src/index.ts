export type { Manifest } from './manifest.ts';
export { backupStep, backupTarget, newBackupId } from './steps.ts';
export { backupTask, keygenTask, listTask } from './tasks.ts';
