import { type Abi, type Address, encodeFunctionData, isAddressEqual, parseAbi } from 'viem';
import type { Reader } from '../chain/client.ts';
import { findLog } from '../chain/logs.ts';
import { isRevert } from '../chain/revert.ts';
import { type Deed, NOTHING } from '../send/deed.ts';
import type { Target } from '../target.ts';
import { hasRight, type Right } from './role.ts';

/** OpenZeppelin's AccessControlDefaultAdminRules: one admin, who goes over to another in two steps, with a delay between them. */
export const ADMIN_RULES = parseAbi([
  'function supportsInterface(bytes4 interfaceId) view returns (bool)',
  'function pendingDefaultAdmin() view returns (address newAdmin, uint48 schedule)',
  'function beginDefaultAdminTransfer(address newAdmin)',
  'function acceptDefaultAdminTransfer()',
  'function cancelDefaultAdminTransfer()',
  'event DefaultAdminTransferScheduled(address indexed newAdmin, uint48 acceptSchedule)',
  'event RoleGranted(bytes32 indexed role, address indexed account, address indexed sender)',
  'error AccessControlInvalidDefaultAdmin(address defaultAdmin)',
  'error AccessControlEnforcedDefaultAdminRules()',
  'error AccessControlEnforcedDefaultAdminDelay(uint48 schedule)',
]);

/** type(IAccessControlDefaultAdminRules).interfaceId (ERC-165). */
const INTERFACE_ID = '0x31498786';

/** Contracts of before have AccessControl alone, where an admin makes others by a grant. */
export async function hasAdminRules(reader: Reader, contract: Address): Promise<boolean> {
  try {
    return await reader.readContract({
      address: contract,
      abi: ADMIN_RULES,
      functionName: 'supportsInterface',
      args: [INTERFACE_ID],
    });
  } catch (cause) {
    // A contract without ERC-165 has these rules no more than one that says so.
    if (isRevert(cause)) return false;
    throw cause;
  }
}

export interface Pending {
  account: Address;
  /** Seconds since 1970: a block must be later to take it. */
  from: number;
}

/** Whom the admin role is about to go over to. */
export async function pendingAdmin(
  reader: Reader,
  contract: Address,
  blockNumber: bigint,
): Promise<Pending | undefined> {
  const [account, from] = await reader.readContract({
    address: contract,
    abi: ADMIN_RULES,
    functionName: 'pendingDefaultAdmin',
    blockNumber,
  });
  return from === 0 || BigInt(account) === 0n ? undefined : { account, from };
}

export async function isPromised(
  reader: Reader,
  right: Right,
  account: Address,
  blockNumber: bigint,
): Promise<boolean> {
  if (!right.twoSteps) return false;
  const pending = await pendingAdmin(reader, right.contract, blockNumber);
  return pending !== undefined && isAddressEqual(pending.account, account);
}

/** The first step, by the admin of now. */
export function beginDeed(target: Target, right: Right, to: Address): Deed {
  const { contract } = right;
  return {
    ...common(target, 'begin', right, to),
    what: `the first step of handing ${right.role} of ${contract} over to ${to}`,
    call: call(
      contract,
      encodeFunctionData({ abi: ADMIN_RULES, functionName: 'beginDefaultAdminTransfer', args: [to] }),
    ),
    isDone: async (reader, block) =>
      (await isPromised(reader, right, to, block)) || (await hasRight(reader, right, to, block)),
    find: (reader) =>
      findLog(target, reader, { ...rules(contract), event: 'DefaultAdminTransferScheduled' }, ({ args }) =>
        isAddressEqual(args.newAdmin as Address, to),
      ),
  };
}

/** The second step, by the account itself: with it the admin of before is none any more. */
export function acceptDeed(target: Target, right: Right, by: Address): Deed {
  const { contract } = right;
  return {
    ...common(target, 'accept', right, by),
    what: `the second step of handing ${right.role} of ${contract} over to ${by}`,
    call: call(contract, encodeFunctionData({ abi: ADMIN_RULES, functionName: 'acceptDefaultAdminTransfer' })),
    timed: true,
    isDone: (reader, block) => hasRight(reader, right, by, block),
    find: (reader) =>
      findLog(
        target,
        reader,
        { ...rules(contract), event: 'RoleGranted' },
        ({ args }) => args.role === right.hash && isAddressEqual(args.account as Address, by),
      ),
  };
}

/** Takes the first step back, by the admin of now. */
export function cancelDeed(target: Target, right: Right, to: Address): Deed {
  const { contract } = right;
  return {
    ...common(target, 'cancel', right, to),
    what: `the end of handing ${right.role} of ${contract} over to ${to}`,
    call: call(contract, encodeFunctionData({ abi: ADMIN_RULES, functionName: 'cancelDefaultAdminTransfer' })),
    isDone: async (reader, block) => !(await isPromised(reader, right, to, block)),
    find: async () => undefined,
  };
}

const rules = (address: Address) => ({ address, abi: ADMIN_RULES as Abi });
const call = (to: Address, data: `0x${string}`) => ({ to, data, value: 0n });

function common({ chain }: Target, doing: string, { contract, hash }: Right, account: Address) {
  return {
    key: `${chain.chainId}:${doing}:${contract}:${hash}:${account}`,
    undoable: true as const,
    requireWanted: async () => {},
    recall: async () => NOTHING,
    remember: async () => true,
  };
}
