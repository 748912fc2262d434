import type { Environment, Finding, LoadedConfig } from '@drydock/kit';
import { environmentSettings, toOpsError } from '@drydock/kit';
import type { PartResult } from './endpoint.ts';

/** As much of the state of backups as a check looks at. */
export interface BackupState {
  statuses: { ageHours: number | null }[];
  findings: Finding[];
}

/** The newest backup as one part of a check: a must where the environment is guarded. */
export async function probeBackup(
  config: LoadedConfig,
  { name }: Environment,
  read: () => Promise<BackupState>,
): Promise<PartResult> {
  const required = environmentSettings(config, name).guard === 'confirm';
  try {
    const { statuses, findings } = await read();
    const late = findings.find(({ code }) => code === 'BACKUP_OVERDUE');
    const ages = statuses.flatMap(({ ageHours }) => (ageHours === null ? [] : [ageHours]));
    const detail = late?.message ?? `the newest is ${Math.min(...ages).toFixed(1)} h old`;
    return { part: 'last backup', ok: !late, required, detail };
  } catch (error) {
    return { part: 'last backup', ok: false, required, detail: toOpsError(error).message };
  }
}
