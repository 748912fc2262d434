import { audienceOf, OpsError, type Secret, usageError } from '@drydock/kit';
import { unknown } from '../../unknown.ts';
import type { Values } from '../../values.ts';
import type { OpenRotator } from '../types.ts';
import type { Address, ChainRights } from './chain-rights.ts';
import type { EscrowAdminSecret } from './config.ts';
import {
  lastOfThem,
  named,
  needsAdmin,
  noDoor,
  probeRefused,
  rolesMissing,
  without,
  withoutEther,
  withoutRoles,
} from './errors.ts';
import { operatorsKeystore } from './keystore.ts';

/** The key that signs for the product: the roles of its address go over to a new one, on the chain. */
export const escrowAdminRotator: OpenRotator<EscrowAdminSecret> = (ctx) => {
  const { secret, config, environment, doors } = ctx;
  const { variable, keystore, fund } = secret;
  let opened: Promise<ChainRights> | undefined;
  const open = (): Promise<ChainRights> => {
    opened ??= doors?.chain ? doors.chain(secret) : Promise.reject(noDoor());
    return opened;
  };
  const keyIn = (values: Values): Secret => {
    const key = values[variable];
    if (key) return key;
    throw usageError(
      'SECRET_MISSING',
      `${variable} is not set for ${environment.name}.`,
      `Set it in .env.${environment.name}`,
    );
  };
  /** Both addresses, and the chain. What it does not answer is not known. */
  const withChain = async <T>(
    what: string,
    old: Values,
    next: Values | undefined,
    work: (chain: Chain) => Promise<T>,
  ): Promise<T> => {
    try {
      const rights = await open();
      const [oldKey, newKey] = [keyIn(old), keyIn(next ?? old)];
      const [from, to] = [rights.addressOf(oldKey), rights.addressOf(newKey)];
      return await work({ rights, oldKey, newKey, from, to, keystore: operatorsKeystore(ctx, rights) });
    } catch (error) {
      if (error instanceof OpsError && AWAY.has(error.code)) throw unknown(what, error, error.hint);
      throw error;
    }
  };

  return {
    variables: [variable, ...(keystore ? [keystore.file] : [])],
    productVariables: audienceOf(config)(variable) === 'product' ? [variable] : [],
    async procedure() {
      return {
        overlap: 'both',
        outageSeconds: 0,
        redeploys: true,
        settleSeconds: 0,
        says: [
          `a new key; its address gets the roles that the old one has (${secret.contracts.map(({ address, roles }) => `${roles.join(', ')} of ${address}`).join('; ')})`,
          fund
            ? `${fund} ether go to it, for gas`
            : 'no ether goes to it by itself (fund): without any it is refused before anything signs with it',
          'an admin role that goes over in two steps is promised to it, and accepted before the old address loses the others; until then the old one is the admin',
          'calls that need the roles are simulated from the new address, and from a stranger, who must be refused',
          'instances sign with the new key one after the other; transactions of the old one that wait are waited for',
          `the roles of the old address are revoked${secret.sweep ? ', and its ether goes to the new one' : '; its ether stays where it is (sweep)'}; calls from it must then be refused`,
        ],
      };
    },
    refuse: (old) =>
      withChain('Whether the roles can go over', old, undefined, async ({ rights, oldKey, from }) => {
        const held = await rights.heldBy(from, 'confirmed');
        if (held.length === 0) throw withoutRoles(variable, from, secret);
        for (const right of held) if (!(await rights.mayGrant(right, [oldKey]))) ctx.onLine(needsAdmin(right));
      }),
    make: (old) =>
      withChain('The new key', old, undefined, async ({ rights, oldKey, keystore: file }) => ({
        [variable]: rights.newKey(),
        ...(await file.make(old, oldKey)),
      })),
    add: (old, next) =>
      withChain(
        'Whether the new address has the roles',
        old,
        next,
        async ({ rights, oldKey, newKey, from, to, keystore: file }) => {
          await file.write(old, next, newKey);
          for (const right of await rights.heldBy(from, 'newest')) await rights.grant(right, to, [oldKey]);
          if (fund) await rights.fund(to, fund, [oldKey]);
        },
      ),
    // One key signs: instances change over one after the other, and both addresses have the roles meanwhile.
    staged: () => ({}),
    validate: (old, next) =>
      withChain('Whether the new address may do all', old, next, async ({ rights, from, to }) => {
        const held = await rights.heldBy(to, 'confirmed');
        const promised = await rights.promisedTo(to, 'confirmed');
        const missing = without(await rights.heldBy(from, 'confirmed'), [...held, ...promised]);
        if (missing.length > 0 || held.length + promised.length === 0) throw rolesMissing(to, missing);
        const tried = await rights.probe(to, held);
        const refused = tried.find(({ allowed }) => !allowed);
        if (refused) throw probeRefused(refused.what, to);
        if ((await rights.balanceOf(to)) === 0n) throw withoutEther(to);
        return `${to} has ${named(held)}${promised.length > 0 ? `, and is promised ${named(promised)}` : ''}; simulated from it and from a stranger: ${tried.map(({ what }) => what).join(', ')}`;
      }),
    promoted: (old, next) =>
      // A path that stays is not written anywhere.
      Object.fromEntries(
        Object.entries(next).filter(([name, value]) => name === variable || value?.reveal() !== old[name]?.reveal()),
      ),
    stragglers: (old, next) =>
      withChain('Whether transactions of the old address wait', old, next, async ({ rights, from }) =>
        (await rights.unmined(from)).map((nonce) => ({
          who: from,
          host: 'the chain',
          pid: `nonce ${nonce}`,
          ageSeconds: 0,
          state: 'a transaction of it is not mined yet',
        })),
      ),
    retire: (old, next) =>
      withChain('Whether the old roles have ended', old, next, async ({ rights, oldKey, newKey, from, to }) => {
        const held = await rights.heldBy(from, 'newest');
        const promised = await rights.promisedTo(to, 'newest');
        const missing = without(held, [...(await rights.heldBy(to, 'confirmed')), ...promised]);
        if (missing.length > 0) throw lastOfThem(missing, from, to);
        // First: with it the old address is no admin any more, and the new one takes the rest away.
        for (const right of promised) await rights.accept(right, newKey);
        for (const right of held) if (!right.twoSteps) await rights.revoke(right, from, [newKey]);
        if (secret.sweep) await rights.sweep(oldKey, to);
      }),
    retired: () => ({}),
    proof: (old, next) =>
      withChain('Whether the old address is without roles', old, next, async ({ rights, from, to }) => {
        const left = await rights.heldBy(from, 'confirmed');
        if (left.length > 0) return { verdict: 'alive', says: `${from} still has ${named(left)}` };
        const promised = await rights.promisedTo(from, 'confirmed');
        if (promised.length > 0) return { verdict: 'alive', says: `${from} is promised ${named(promised)}` };
        const held = await rights.heldBy(to, 'confirmed');
        const still = (await rights.probe(from, held)).find(({ allowed }) => allowed);
        if (still) return { verdict: 'alive', says: `${from} may still do ${still.what}` };
        const tried = await rights.probe(to, held);
        const refused = tried.find(({ allowed }) => !allowed);
        // A contract that lets nobody do anything proves nothing of the old one.
        if (refused) throw probeRefused(refused.what, to);
        return {
          verdict: 'dead',
          says: `hasRole of ${from} is false for ${named(held)}; ${tried.map(({ what }) => what).join(', ')}: refused to it as to a stranger, and not to ${to}`,
        };
      }),
    async withdraw(old, next) {
      // It was never made.
      if (!next[variable]) return;
      await withChain(
        'Whether the new roles have ended',
        old,
        next,
        async ({ rights, oldKey, newKey, from, to, keystore: file }) => {
          for (const right of await rights.promisedTo(to, 'newest')) await rights.cancel(right, to, [oldKey]);
          for (const right of await rights.heldBy(to, 'newest')) await rights.revoke(right, to, [oldKey]);
          if (fund) await rights.sweep(newKey, from);
          file.remove(old, next);
        },
      );
    },
  };
};

interface Chain {
  rights: ChainRights;
  oldKey: Secret;
  newKey: Secret;
  from: Address;
  to: Address;
  keystore: ReturnType<typeof operatorsKeystore>;
}

const AWAY = new Set(['RPC_UNREACHABLE', 'CHAIN_FAILED', 'DATABASE_UNREACHABLE']);
