import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { sealKeystore } from '@drydock/escrow';
import { type EnvName, writeDurably } from '@drydock/kit';
import { type SandboxState, sandboxFolder } from '../state.ts';
import { adminKey } from './contracts.ts';

/** scrypt's n: everybody knows these keys. */
const COST = 4_096;

export function keystoreFile(root: string, env: EnvName): string {
  return join(sandboxFolder(root), 'keys', `${env}.json`);
}

/** The admin key of each environment as an operator has it: in a keystore, with a password of its own. */
export async function provisionKeystores(root: string, state: SandboxState): Promise<void> {
  for (const [env, secrets] of Object.entries(state.environments)) {
    const file = keystoreFile(root, env);
    if (secrets.keystorePassword && existsSync(file)) continue;
    secrets.keystorePassword ??= randomBytes(24).toString('base64url');
    writeDurably(file, await sealKeystore(await adminKey(state, env), secrets.keystorePassword, COST));
  }
}
