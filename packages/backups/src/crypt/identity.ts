import { type Environment, type LoadedConfig, type Secret, usageError } from '@drydock/kit';
import { backupsSection } from '../config/backups.ts';

/** The private key that opens backups, looked at before anything is begun: one that was cut off is told as that (exit 2). */
export async function requireIdentity(config: LoadedConfig, environment: Environment): Promise<Secret> {
  const variable = backupsSection.of(config).identity;
  if (!environment.has(variable))
    throw usageError(
      'VARIABLE_MISSING',
      `${variable} is not set for ${environment.name}: it is the private key that opens backups, and is kept by those who restore; ${environment.sought(variable)}.`,
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
    const [what, instead] = mistakenFor(identity.reveal());
    throw usageError(
      'IDENTITY_MALFORMED',
      `${identity.label} is no private key of age${what}: one begins with AGE-SECRET-KEY-1 and is whole to its last sign.`,
      `${instead} The backups are as they were.`,
    );
  }
  return identity;
}

/** What people put there instead, and what they mean by it. */
const MISTAKES: [is: RegExp, what: string, instead: string][] = [
  [/^age1/, ', but a public one, which opens nothing', 'Take the half that backup:keygen printed as the secret one.'],
  [
    /BEGIN (OPENSSH|RSA|EC)? ?PRIVATE KEY/,
    ', but one of ssh',
    "Backups are encrypted to age's own keys: take the private half of one that the manifest names.",
  ],
  [
    /BEGIN AGE ENCRYPTED FILE/,
    ', but one under a passphrase',
    'Open it first, where a person can be asked: age -d FILE',
  ],
  [/AGE-PLUGIN-/i, ', but one of a plugin', 'Plugins ask for their device; unattended, a key of its own is needed.'],
  [/^[~./][^\n]*$/, ', but the name of a file', 'Put what is in the file there, not its name.'],
];

function mistakenFor(text: string): [what: string, instead: string] {
  const found = MISTAKES.find(([is]) => is.test(text.trim()));
  return found ? [found[1], found[2]] : ['', 'Copy it again from where it is kept.'];
}

/** Of now, and of before: old backups open with what they were made for. As age's own files have it too: a key a line, comments beside them. */
export function keysIn(identity: Secret): string[] {
  const lines = identity
    .reveal()
    .split('\n')
    .filter((line) => !line.trim().startsWith('#'));
  return (
    lines
      .flatMap((line) => line.split(','))
      .map((key) => key.trim())
      .filter(Boolean)
      // Bech32 may be written in lower case as well (BIP 173); the age program knows it in upper case.
      .map((key) => (/^age-secret-key-1[0-9a-z]+$/.test(key) ? key.toUpperCase() : key))
  );
}
