import { chainSection, command, type EnvName, EXIT, hint, type LoadedConfig, OpsError, usageError } from '@drydock/kit';
import type { AdminKind, SeedModule } from './module.ts';

export interface SeedWish {
  /** Real people's data are there. */
  servesCustomers: boolean;
  env: EnvName;
  admins: readonly string[];
  /** Named as wallets, whatever an admin is by itself. */
  wallets: readonly string[];
  demo: boolean;
  allowProduction: boolean;
  allowlist: readonly string[];
}

export interface CheckedAdmins {
  admins: string[];
  /** They are wallets. */
  wallets: boolean;
}

/** Checked and as they are written down. Refused: production without the flag, one who is not on its allowlist, demo data there. */
export async function checkedAdmins(config: LoadedConfig, seed: SeedModule, wish: SeedWish): Promise<CheckedAdmins> {
  const { servesCustomers, env, demo, allowProduction, allowlist } = wish;
  if (servesCustomers && !allowProduction)
    throw refused(
      'SEED_REFUSED',
      `Seeding is not for ${env}, which serves customers.`,
      'There it wants --allow-production, and who becomes an admin on the allowlist.',
    );
  if (servesCustomers && demo)
    throw refused('SEED_REFUSED', `Demo data is never put into ${env}, which serves customers.`, 'Leave --demo out.');
  if (demo && !seed.demo)
    throw usageError(
      'SEED_WITHOUT_DEMO',
      'The seed module has no function "demo": it makes no demo data.',
      'Leave --demo out, or write one in the module of database.seed.',
    );
  const kind = kindOf(config, seed);
  const ofWallets = seed.admin === undefined ? WALLET : kind;
  if (wish.admins.length + wish.wallets.length === 0 && !demo)
    throw usageError(
      'USAGE',
      `Say which ${kind.name} becomes an admin.`,
      command('seed:admin', kind === WALLET ? { wallet: kind.example } : { admin: kind.example }),
    );
  const checked = [
    ...(await Promise.all(wish.admins.map((text) => checkedOne(kind, text)))),
    ...(await Promise.all(wish.wallets.map((text) => checkedOne(ofWallets, text)))),
  ];
  const wallets = kind === WALLET || (ofWallets === WALLET && wish.wallets.length > 0);
  const asWritten = async (text: string) =>
    (await kind.check?.(text)) ?? (wallets ? await WALLET.check?.(text) : undefined) ?? text;
  const allowed = new Set(await Promise.all(allowlist.map(asWritten)));
  const stranger = servesCustomers ? checked.find((one) => !allowed.has(one)) : undefined;
  if (stranger)
    throw refused(
      wallets ? 'WALLET_NOT_ALLOWED' : 'ADMIN_NOT_ALLOWED',
      `${stranger} is not on the allowlist for ${env}.`,
      'Add it to database.seed.productionAllowlist in drydock.config.ts, in a reviewed commit.',
    );
  return { admins: [...new Set(checked)], wallets };
}

async function checkedOne(kind: AdminKind, text: string): Promise<string> {
  const found = await kind.check?.(text.trim());
  if (found !== undefined) return found;
  if (!kind.check && text.trim() !== '') return text.trim();
  throw usageError(
    kind === WALLET ? 'WALLET_MALFORMED' : 'ADMIN_MALFORMED',
    kind === WALLET
      ? `${text} is no wallet address, or its checksum (EIP-55) is wrong.`
      : `"${text}" is no ${kind.name}.`,
    kind === WALLET
      ? 'Copy it again from the wallet.'
      : hint`For example: ${command('seed:admin', { admin: kind.example })}`,
  );
}

/** What the module says that an admin is; else a wallet where there is a chain, and otherwise whatever the module takes. */
function kindOf(config: LoadedConfig, { admin }: SeedModule): AdminKind {
  if (admin === 'wallet') return WALLET;
  if (admin === 'email') return EMAIL;
  return admin ?? (chainSection.of(config) ? WALLET : ANY);
}

const WALLET: AdminKind = {
  name: 'wallet',
  example: '0x…',
  async check(text) {
    const { getAddress, isAddress } = await import('viem');
    // viem takes an all-lowercase address without a checksum; a mixed one must be right (EIP-55).
    return isAddress(text) ? getAddress(text) : undefined;
  },
};

const EMAIL: AdminKind = {
  name: 'e-mail address',
  example: 'ada@shop.example',
  async check(text) {
    const { z } = await import('zod');
    const { success } = z.email().safeParse(text);
    return success ? text.toLowerCase() : undefined;
  },
};

const ANY: AdminKind = { name: 'e-mail address, name or id', example: 'ada@shop.example' };

function refused(code: string, message: string, what: string): OpsError {
  return new OpsError({ code, message, hint: what, exit: EXIT.refused });
}
