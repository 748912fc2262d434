import { command, hint, OpsError } from '@drydock/kit';

export function missing(store: string, key: string, cause: unknown): OpsError {
  return new OpsError({
    code: 'BACKUP_MISSING',
    message: `${store} has no ${key}.`,
    hint: hint`${command('backup:list')} shows what is there.`,
    cause,
  });
}
