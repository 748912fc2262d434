import {
  command,
  type Environment,
  environmentSettings,
  hint,
  type LoadedConfig,
  type Secret,
  usageError,
} from '@drydock/kit';
import type { Hex, LocalAccount } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import { refused } from '../chain/errors.ts';
import { keyOf } from '../config/escrow.ts';

/** Whoever signs in this environment. A key in a variable is for development; the others want a keystore or KMS. */
export async function loadAccount(config: LoadedConfig, environment: Environment): Promise<LocalAccount> {
  const key = keyOf(config, environment.name);
  if (key.kind === 'kms') {
    const { kmsAccount } = await import('./kms.ts');
    return kmsAccount(key, environment);
  }
  if (key.kind === 'keystore') {
    const { openKeystore } = await import('./keystore.ts');
    const path = config.path(environment.require(key.file));
    return accountOf(await openKeystore(path, environment.secret(key.password)), key.file);
  }
  if (environmentSettings(config, environment.name).serves !== 'developers')
    throw refused(
      'KEY_IN_VARIABLE',
      `escrow.key.${environment.name} is a private key in a variable, which is for developers alone.`,
      "Use { kind: 'keystore' } or { kind: 'kms' } in drydock.config.ts.",
    );
  return accountOf(environment.secret(key.variable), key.variable);
}

async function accountOf(key: Secret, where: string): Promise<LocalAccount> {
  if (!/^0x[0-9a-fA-F]{64}$/.test(key.reveal()))
    throw usageError(
      'KEY_MALFORMED',
      `${where} holds no private key: it must be 0x and 64 hexadecimal digits.`,
      hint`${command('env:check')} shows where the value comes from.`,
    );
  return privateKeyToAccount(key.reveal() as Hex);
}
