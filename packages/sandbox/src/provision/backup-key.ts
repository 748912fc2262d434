import { generateKeyPairSync } from 'node:crypto';
import type { SandboxState } from '../state.ts';

/** The keys of the sandbox's backups. In a real environment what opens never lies beside what signs. */
export async function provisionBackupKeys(state: SandboxState): Promise<void> {
  state.backupKey ??= await ageKey();
  state.backupSigner ??= signingKey();
}

async function ageKey(): Promise<{ recipient: string; identity: string }> {
  const { generateIdentity, identityToRecipient } = await import('age-encryption');
  const identity = await generateIdentity();
  return { identity, recipient: await identityToRecipient(identity) };
}

/** As backup:keygen makes it: what stands between the lines of a PEM file. */
function signingKey(): { key: string; secret: string } {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  return {
    key: publicKey.export({ format: 'der', type: 'spki' }).toString('base64'),
    secret: privateKey.export({ format: 'der', type: 'pkcs8' }).toString('base64'),
  };
}
