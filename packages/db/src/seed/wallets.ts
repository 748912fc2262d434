import { command, type EnvName, EXIT, OpsError, usageError } from '@drydock/kit';

export interface SeedWish {
  /** Real people's data are there. */
  servesCustomers: boolean;
  env: EnvName;
  wallets: string[];
  demo: boolean;
  allowProduction: boolean;
  allowlist: string[];
}

/** Checked addresses, checksummed. Refused: production without the flag, a wallet not on its allowlist, demo data there. */
export async function checkedWallets({
  servesCustomers,
  env,
  wallets,
  demo,
  allowProduction,
  allowlist,
}: SeedWish): Promise<string[]> {
  if (servesCustomers && !allowProduction)
    throw refused(
      'SEED_REFUSED',
      `Seeding is not for ${env}, which serves customers.`,
      'There it wants --allow-production, and wallets on the allowlist.',
    );
  if (servesCustomers && demo)
    throw refused('SEED_REFUSED', `Demo data is never put into ${env}, which serves customers.`, 'Leave --demo out.');
  if (wallets.length === 0 && !demo)
    throw usageError('USAGE', 'Say which wallet becomes an admin.', command('seed:admin', { wallet: '0x…' }));
  const { getAddress, isAddress } = await import('viem');
  const checked = wallets.map((wallet) => {
    // viem takes an all-lowercase address without a checksum; a mixed one must be right (EIP-55).
    if (!isAddress(wallet))
      throw usageError(
        'WALLET_MALFORMED',
        `${wallet} is no wallet address, or its checksum (EIP-55) is wrong.`,
        'Copy it again from the wallet.',
      );
    return getAddress(wallet);
  });
  const allowed = new Set(allowlist.map((wallet) => getAddress(wallet)));
  const stranger = servesCustomers ? checked.find((wallet) => !allowed.has(wallet)) : undefined;
  if (stranger)
    throw refused(
      'WALLET_NOT_ALLOWED',
      `${stranger} is not on the allowlist for ${env}.`,
      'Add it to database.seed.productionAllowlist in drydock.config.ts, in a reviewed commit.',
    );
  return checked;
}

function refused(code: string, message: string, hint: string): OpsError {
  return new OpsError({ code, message, hint, exit: EXIT.refused });
}
