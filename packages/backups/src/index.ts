export { backupStep } from './backup.ts';
export { backupsSection } from './config/backups.ts';
export { readBackupStatus } from './read-status.ts';
export { rehearsalOnBackup } from './rehearsal.ts';
export { type CheckIn, openCheckIn } from './schedule/check-in.ts';
export { confirmation, jobName } from './schedule/jobs.ts';
export { runScheduled, runScript, type ScheduledTask } from './schedule/run.ts';
export { backupTarget } from './target.ts';
