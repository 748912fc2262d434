import { command, hint, OpsError } from '@drydock/kit';

/** Something else lies where nothing may be written over. */
export function taken(store: string, key: string, cause: unknown): OpsError {
  return new OpsError({
    code: 'STORE_TAKEN',
    message: `${store} has something else at ${key} already, and nothing is written over (conditionalWrites).`,
    hint: 'Find out who put it there, then run it again.',
    cause,
  });
}

export function missing(store: string, key: string, cause: unknown): OpsError {
  return new OpsError({
    code: 'BACKUP_MISSING',
    message: `${store} has no ${key}.`,
    hint: hint`${command('backup:list')} shows what is there.`,
    cause,
  });
}
