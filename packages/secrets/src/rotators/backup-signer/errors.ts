import { command, counted, EXIT, hint, OpsError, usageError } from '@drydock/kit';
import type { BackupSignerSecret } from './config.ts';
import type { SignedBackup } from './signing-door.ts';

export function noSigningDoor(): OpsError {
  return new OpsError({ code: 'BACKUPS_NOT_GIVEN', message: 'This task has no way to the backups.' });
}

export function notSet(variable: string): OpsError {
  return usageError(
    'SECRET_MISSING',
    `${variable} is not set here.`,
    'It is on the host that backs up, and nowhere else: rotate it there.',
  );
}

/** A released config cannot be changed by a rotation. */
export function pinnedInConfig({ signers }: BackupSignerSecret, key: string): OpsError {
  return usageError(
    'SIGNER_IN_CONFIG',
    `backups.signers of drydock.config.ts names the key ${key} itself, which a rotation cannot take out.`,
    `Name the variable instead, { name: 'host', variable: '${signers}' }, and set ${signers} to the key.`,
  );
}

export function notInItsVariable({ variable, signers }: BackupSignerSecret, key: string): OpsError {
  return usageError(
    'SIGNER_NOT_NAMED',
    `${variable} signs as ${key}, which ${signers} does not name, or backups.signers does not read ${signers}.`,
    `In drydock.config.ts: signers: [{ name: 'host', variable: '${signers}' }]; and ${signers}='${key}' in the environment.`,
  );
}

export function notBelieved({ signers }: BackupSignerSecret, key: string): OpsError {
  return new OpsError({
    code: 'SIGNER_NOT_BELIEVED',
    message: `${signers} names the new key ${key}, and backups.signers does not believe it.`,
    hint: hint`Does another file or the shell set ${signers}? ${command('env:check')} shows where it comes from.`,
  });
}

export function notVerified(id: string, why: string): OpsError {
  return new OpsError({
    code: 'BACKUP_NOT_VERIFIED',
    message: `The backup ${id} is not what it should be: ${why}.`,
    hint: hint`Look at it: ${command('backup:verify', { id })}`,
  });
}

export function stillNeeded(variable: string, left: readonly SignedBackup[]): OpsError {
  return new OpsError({
    code: 'SIGNER_STILL_NEEDED',
    message: `${counted(left.length, 'backup')} of the old ${variable} ${left.length === 1 ? 'is' : 'are'} left; the newest is ${left[0]?.id} in ${left[0]?.store}.`,
    hint: hint`They go with their retention (${command('backup:prune')}); those that are held stay: ${command('backup:list')}`,
    exit: EXIT.no,
  });
}
