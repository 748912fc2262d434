import {
  type Environment,
  EXIT,
  type LoadedConfig,
  OpsError,
  paused,
  Secret,
  usageError,
  withPostgres,
} from '@drydock/kit';
import { type Address, type Hex, isAddressEqual, parseEther, zeroHash } from 'viem';
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts';
import { chainError } from '../chain/errors.ts';
import { deepBelow, pin } from '../chain/head.ts';
import { beginDeed, cancelDeed, isPromised } from '../deeds/admin.ts';
import { fundDeed } from '../deeds/fund.ts';
import { ACCESS_CONTROL, hasRight, type Right, roleDeed } from '../deeds/role.ts';
import { sweepDeed } from '../deeds/sweep.ts';
import { loadAccount } from '../keys/account.ts';
import { openKeystore, sealKeystore } from '../keys/keystore.ts';
import type { Sending } from '../send/actor.ts';
import { carryOut } from '../send/carry-out.ts';
import type { Deed } from '../send/deed.ts';
import { noncesOf } from '../send/ledger.ts';
import { openSending, openSession, type Session } from '../session.ts';
import { addressIn } from '../target.ts';
import { accept } from './accept.ts';
import { adminProbe, isLetThrough, type Probe } from './probe.ts';
import { readRights } from './read.ts';

/** A contract with roles, as a config names it. */
export interface ContractWithRoles {
  /** Variable with its address. */
  address: string;
  /** Names of its constants. */
  roles: readonly string[];
  /** The same of which not every version has each: those that it does not know are left out. */
  optionalRoles: readonly string[];
  /** Calls that need one of them, each by its name. */
  probes: readonly { role: string; function: string; args: readonly unknown[] }[];
}

interface Wanted extends Pick<Parameters<typeof openSession>[0], 'config' | 'environment' | 'out'> {
  contracts: readonly ContractWithRoles[];
  signal: AbortSignal;
  /** What is waited for. */
  detail?(text: string): void;
}

/**
 * Who may do what on contracts with OpenZeppelin's AccessControl, and how that is changed: what a rotation of a signing key needs of
 * the chain. Whatever is sent is sent once, and believed when it is confirmed; called again, each looks first.
 */
export type ChainRights = Awaited<ReturnType<typeof openRights>>;

export async function openRights(wanted: Wanted) {
  const session = await openSession(wanted);
  const { target, reader } = session;
  const rights = await readRights(session, wanted);
  const probes = await readProbes(wanted);
  let operator: ReturnType<typeof operatorOf> | undefined;
  const waiting = { signal: wanted.signal, detail: wanted.detail ?? (() => {}) };

  const asked = async <T>(doing: string, work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (cause) {
      throw chainError(target, doing, cause);
    }
  };
  const confirmed = async () => deepBelow(target, (await pin(target, reader)).number);
  const newest = async () => (await pin(target, reader)).number;
  const send = async (account: Sending['account'], deed: Deed) => {
    const sending = await openSending(session, wanted, { maxFee: undefined, wait: undefined }, { keyless: true });
    await carryOut({ ...sending, account }, deed, waiting);
  };
  /** The operator's own first: the product sends from the others. */
  const signersOf = async (keys: readonly Secret[]) => {
    operator ??= operatorOf(wanted);
    const own = await operator;
    return [...(own ? [own] : []), ...keys.map(accountOf)];
  };

  const granterOf = async (right: Right, keys: readonly Secret[], but?: Address) => {
    const block = await newest();
    const admin = { ...right, hash: await adminRoleOf(session, right) };
    for (const account of await signersOf(keys)) {
      if (but && isAddressEqual(account.address, but)) continue;
      if (await hasRight(reader, admin, account.address, block)) return account;
    }
    return undefined;
  };

  return {
    newKey: () => new Secret(generatePrivateKey(), 'the new key'),
    addressOf: (key: Secret) => accountOf(key).address,
    /** Of the rights that the config names, those that an account has in a block that is believed, or in the newest one. */
    heldBy: (account: Address, at: 'confirmed' | 'newest') =>
      asked(`What ${account} may do cannot be read`, async () => {
        const block = await (at === 'confirmed' ? confirmed() : newest());
        if (block < 0n) return [];
        const has = await Promise.all(rights.map((right) => hasRight(reader, right, account, block)));
        return rights.filter((_, i) => has[i]);
      }),
    /** Those of them that are handed over in two steps, of which the first one is done. */
    promisedTo: (account: Address, at: 'confirmed' | 'newest') =>
      asked(`What ${account} is about to get cannot be read`, async () => {
        const block = await (at === 'confirmed' ? confirmed() : newest());
        if (block < 0n) return [];
        const promised = await Promise.all(rights.map((right) => isPromised(reader, right, account, block)));
        return rights.filter((_, i) => promised[i]);
      }),
    mayGrant: (right: Right, keys: readonly Secret[]) =>
      asked(`Who may grant ${right.role} cannot be read`, async () => (await granterOf(right, keys)) !== undefined),
    grant: (right: Right, to: Address, keys: readonly Secret[]) =>
      asked(`${right.role} cannot be granted`, async () => {
        const deed = right.twoSteps ? beginDeed(target, right, to) : roleDeed(target, 'grant', right, to);
        if (await deed.isDone(reader, await confirmed())) return;
        const account = await granterOf(right, keys);
        if (!account) throw nobodyMay('grant', right, to, deed);
        await send(account, deed);
      }),
    /** The second step of what was promised to the account of that key; whoever had it has it no more. Waits where little is left to wait. */
    accept: (right: Right, key: Secret) =>
      asked(`${right.role} cannot be accepted`, () =>
        accept(session, right, accountOf(key).address, waiting, confirmed, (deed) => send(accountOf(key), deed)),
      ),
    /** Takes a first step back. */
    cancel: (right: Right, to: Address, keys: readonly Secret[]) =>
      asked(`The hand-over of ${right.role} cannot be cancelled`, async () => {
        const deed = cancelDeed(target, right, to);
        if (await deed.isDone(reader, await confirmed())) return;
        const account = await granterOf(right, keys);
        if (!account) throw nobodyMay('revoke', right, to, deed);
        await send(account, deed);
      }),
    revoke: (right: Right, from: Address, keys: readonly Secret[]) =>
      asked(`${right.role} cannot be revoked`, async () => {
        const deed = roleDeed(target, 'revoke', right, from);
        if (await deed.isDone(reader, await confirmed())) return;
        // Nobody takes the last admin away by taking it away from themselves.
        const account = await granterOf(right, keys, from);
        if (!account) throw nobodyMay('revoke', right, from, deed);
        await send(account, deed);
      }),
    fund: (to: Address, ether: string, keys: readonly Secret[]) =>
      asked(`${to} cannot be given ether`, async () => {
        const deed = fundDeed(target, to, parseEther(ether));
        if (await deed.isDone(reader, await confirmed())) return;
        const signers = await signersOf(keys);
        for (const account of signers)
          if ((await reader.getBalance({ address: account.address })) > deed.call.value) return send(account, deed);
        throw noEther(to, ether, signers);
      }),
    /** What is left of an account's ether goes to another. */
    sweep: (from: Secret, to: Address) =>
      asked(`The ether of ${accountOf(from).address} cannot be moved`, async () => {
        const deed = await sweepDeed(target, reader, accountOf(from).address, to);
        if (deed) await send(accountOf(from), deed);
      }),
    balanceOf: (address: Address) =>
      asked(`The ether of ${address} cannot be read`, () => reader.getBalance({ address })),
    /** Each call that needs one of the rights, and whether the contract lets the account do it. Nothing is sent. */
    probe: (account: Address, held: readonly Right[]) =>
      asked(`${account} cannot be tried`, () =>
        Promise.all(
          probesFor(held, probes).map(async (probe) => ({
            what: `${probe.function.split('(')[0]} of ${probe.contract}`,
            allowed: await isLetThrough(session, probe, account),
          })),
        ),
      ),
    /** Nonces that transactions of an account have which are sent and not mined. */
    unmined: (account: Address) =>
      asked(`The transactions of ${account} cannot be read`, async () => {
        const blockNumber = await confirmed();
        const latest = blockNumber < 0n ? 0 : await reader.getTransactionCount({ address: account, blockNumber });
        const pending = await reader.getTransactionCount({ address: account, blockTag: 'pending' });
        const known = await withPostgres(target.databaseUrl, 'drydock escrow', (client) =>
          noncesOf(client, account, latest),
        );
        const counted = Array.from({ length: Math.max(0, pending - latest) }, (_, i) => latest + i);
        return [...new Set([...counted, ...known])].sort((a, b) => a - b);
      }),
    openKeystore,
    sealKeystore: (key: Secret, password: Secret) => sealKeystore(key.reveal() as Hex, password.reveal()),
  };
}

function accountOf(key: Secret) {
  if (!/^0x[0-9a-fA-F]{64}$/.test(key.reveal()))
    throw usageError('KEY_MALFORMED', `${key.label} holds no private key: it must be 0x and 64 hexadecimal digits.`);
  return privateKeyToAccount(key.reveal() as Hex);
}

/** Whoever signs for the operator here; undefined where no key of theirs is at hand. */
async function operatorOf({ config, environment }: { config: LoadedConfig; environment: Environment }) {
  try {
    return await loadAccount(config, environment);
  } catch (error) {
    if (error instanceof OpsError && error.code === 'VARIABLE_MISSING') return undefined;
    throw error;
  }
}

function adminRoleOf({ reader }: Session, { contract, hash }: Right): Promise<Hex> {
  return reader.readContract({ address: contract, abi: ACCESS_CONTROL, functionName: 'getRoleAdmin', args: [hash] });
}

type RoleProbe = Probe & { role: string };

async function readProbes({ environment, contracts }: Wanted): Promise<RoleProbe[]> {
  const found = await Promise.all(
    contracts.map(async ({ address, probes }) => {
      const contract = await addressIn(environment, address);
      return probes.map((probe) => ({ ...probe, contract }));
    }),
  );
  return found.flat();
}

/** What the rights open: by the config, and for an admin what every contract with roles has. */
function probesFor(held: readonly Right[], probes: readonly RoleProbe[]): Probe[] {
  return held.flatMap((right) => [
    ...(right.hash === zeroHash ? [adminProbe(right)] : []),
    ...probes.filter(({ contract, role }) => contract === right.contract && role === right.role),
  ]);
}

/** Its admin is somebody else, often several people together: they are told what to agree to. */
function nobodyMay(doing: 'grant' | 'revoke', { contract, role }: Right, account: Address, { call }: Deed): OpsError {
  return paused(
    `No key at hand may ${doing} ${role} of ${contract} ${doing === 'grant' ? 'to' : 'from'} ${account}: its admin is somebody else.`,
    `If that is a multisig, propose this call to it, and go on once it is executed: to ${call.to}, value 0, data ${call.data}`,
  );
}

function noEther(to: Address, ether: string, signers: readonly { address: Address }[]): OpsError {
  return new OpsError({
    code: 'BALANCE_TOO_LOW',
    message: `None of ${signers.map(({ address }) => address).join(', ')} has the ${ether} ether that ${to} is to get.`,
    hint: `Send them to ${to} from elsewhere, then run this again.`,
    exit: EXIT.refused,
  });
}
