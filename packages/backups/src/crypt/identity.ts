import { type Environment, type LoadedConfig, type Secret, usageError } from '@drydock/kit';
import { backupsSection } from '../config/backups.ts';

/** The private key that opens backups, looked at before anything is begun: one that was cut off is told as that (exit 2). */
export async function requireIdentity(config: LoadedConfig, environment: Environment): Promise<Secret> {
  const variable = backupsSection.of(config).identity;
  if (!environment.has(variable))
    throw usageError(
      'VARIABLE_MISSING',
      `${variable} is not set for ${environment.name}: it is the private key that opens backups, and is kept by those who restore; looked in the shell and in ${environment.looked}.`,
      `For this shell alone, unseen: read -rs ${variable} && export ${variable}`,
    );
  const identity = environment.secret(variable);
  const { identityToRecipient } = await import('age-encryption');
  const keys = keysIn(identity);
  try {
    if (keys.length === 0) throw new Error('no key');
    for (const key of keys) await identityToRecipient(key);
  } catch {
    // What the library says may hold the key.
    throw usageError(
      'IDENTITY_MALFORMED',
      `${identity.label} is no private key of age: one begins with AGE-SECRET-KEY-1 and is whole to its last sign.`,
      'Copy it again from where it is kept. The backups are as they were.',
    );
  }
  return identity;
}

/** Of now, and of before: old backups open with what they were made for. As age's own files have it too: a key a line, comments beside them. */
export function keysIn(identity: Secret): string[] {
  const lines = identity
    .reveal()
    .split('\n')
    .filter((line) => !line.trim().startsWith('#'));
  return lines
    .flatMap((line) => line.split(','))
    .map((key) => key.trim())
    .filter(Boolean);
}
