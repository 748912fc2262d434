import { startTestAnvil } from '@drydock/sandbox/testing';
import { type Address, type Hex, keccak256, stringToBytes, zeroHash } from 'viem';
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts';
import { connect, newContracts, ON_ANVIL, ROLES } from '../chain/world.ts';
import type { Subject } from './team.ts';

/** An account with every role of two contracts. */
export async function escrowSubject(databaseUrl: string): Promise<Subject> {
  const anvil = await startTestAnvil();
  const { key, factory, certificate } = await newContracts(anvil.rpcUrl, generatePrivateKey());
  const chain = connect(anvil.rpcUrl);
  const addressOf = (held?: string) => privateKeyToAccount(held as Hex).address;
  const has = async (address: string, role: Hex, account: Address) =>
    chain.readContract({ address: address as Address, abi: ROLES, functionName: 'hasRole', args: [role, account] });
  const rolesOf = async (account: Address) => {
    const operator = keccak256(stringToBytes('OPERATOR_ROLE'));
    const held = [
      has(factory, operator, account),
      has(factory, zeroHash, account),
      has(certificate, zeroHash, account),
    ];
    return (await Promise.all(held)).filter(Boolean).length;
  };
  /** What each account has sent before the rotation that it is the old one of. */
  const sent = new Map([[addressOf(key), await chain.getTransactionCount({ address: addressOf(key) })]]);
  return {
    secret: { kind: 'escrow-admin', fund: '1' },
    more: ON_ANVIL,
    databaseUrl,
    env: {
      ...{ CHAIN_RPC_URL: anvil.rpcUrl, ESCROW_FACTORY_ADDRESS: factory, CERTIFICATE_ADDRESS: certificate },
      ESCROW_ADMIN_KEY: key,
    },
    variables: ['ESCROW_ADMIN_KEY'],
    // What the product signs with it: escrows and certificates. The admin role, which operators need, goes over last.
    works: async ({ ESCROW_ADMIN_KEY }) => {
      const account = addressOf(ESCROW_ADMIN_KEY);
      const [operator, minter] = await Promise.all([
        has(factory, keccak256(stringToBytes('OPERATOR_ROLE')), account),
        has(certificate, keccak256(stringToBytes('MINTER_ROLE')), account),
      ]);
      return operator && minter;
    },
    async live(now, before) {
      const [is, was] = [addressOf(now.ESCROW_ADMIN_KEY), addressOf(before.ESCROW_ADMIN_KEY)];
      const counts = await Promise.all([is, was].map((address) => chain.getTransactionCount({ address })));
      const [ours = 0, theirs = 0] = counts;
      // One that failed and was taken back has sent eleven: what it granted, and that taken away again.
      const granted = (theirs - (sent.get(was) ?? 0)) % 11;
      sent.set(is, ours);
      // Each transaction once, whoever was killed.
      return { now: await rolesOf(is), before: await rolesOf(was), granted, revoked: ours };
    },
    // What it gives away for gas each time, it gets again.
    runs: [
      {
        before: async ({ ESCROW_ADMIN_KEY }) =>
          chain.setBalance({ address: addressOf(ESCROW_ADMIN_KEY), value: 10n ** 20n }),
        args: [],
      },
    ],
    stop: () => anvil.stop(),
  };
}
