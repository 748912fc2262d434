import type { SandboxState } from '../state.ts';

/** An age key pair for the sandbox's backups. In a real environment the identity never lies beside the public key. */
export async function provisionBackupKey(state: SandboxState): Promise<void> {
  if (state.backupKey) return;
  const { generateIdentity, identityToRecipient } = await import('age-encryption');
  const identity = await generateIdentity();
  state.backupKey = { identity, recipient: await identityToRecipient(identity) };
}
