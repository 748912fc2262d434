import { type Abi, type Address, encodeFunctionData, type Hex, isAddressEqual, parseAbi } from 'viem';
import type { Reader } from '../chain/client.ts';
import { findLog } from '../chain/logs.ts';
import { type Deed, NOTHING } from '../send/deed.ts';
import type { Target } from '../target.ts';

/** OpenZeppelin's AccessControl, whose functions and events every contract with its roles has. */
export const ACCESS_CONTROL = parseAbi([
  'function hasRole(bytes32 role, address account) view returns (bool)',
  'function getRoleAdmin(bytes32 role) view returns (bytes32)',
  'function grantRole(bytes32 role, address account)',
  'function revokeRole(bytes32 role, address account)',
  'event RoleGranted(bytes32 indexed role, address indexed account, address indexed sender)',
  'event RoleRevoked(bytes32 indexed role, address indexed account, address indexed sender)',
  'error AccessControlUnauthorizedAccount(address account, bytes32 neededRole)',
]);

/** A role of a contract: its name for people, its hash for the chain. */
export interface Right {
  contract: Address;
  role: string;
  hash: Hex;
  /** The admin role of AccessControlDefaultAdminRules: handed over in two steps, and neither granted nor revoked. */
  twoSteps: boolean;
}

export function hasRight(reader: Reader, right: Right, account: Address, blockNumber: bigint): Promise<boolean> {
  return reader.readContract({
    address: right.contract,
    abi: ACCESS_CONTROL,
    functionName: 'hasRole',
    args: [right.hash, account],
    blockNumber,
  });
}

/** Gives an account a role, or takes it away: nothing is sent where that is so already. */
export function roleDeed(target: Target, doing: 'grant' | 'revoke', right: Right, account: Address): Deed {
  const { contract, role, hash } = right;
  return {
    key: `${target.chain.chainId}:${doing}:${contract}:${hash}:${account}`,
    what:
      doing === 'grant' ? `${role} of ${contract} for ${account}` : `the end of ${role} of ${contract} for ${account}`,
    call: {
      to: contract,
      data: encodeFunctionData({ abi: ACCESS_CONTROL, functionName: `${doing}Role`, args: [hash, account] }),
      value: 0n,
    },
    isDone: async (reader, blockNumber) =>
      (await hasRight(reader, right, account, blockNumber)) === (doing === 'grant'),
    undoable: true,
    requireWanted: async () => {},
    find: (reader) =>
      findLog(
        target,
        reader,
        { address: contract, abi: ACCESS_CONTROL as Abi, event: doing === 'grant' ? 'RoleGranted' : 'RoleRevoked' },
        ({ args }) => args.role === hash && isAddressEqual(args.account as Address, account),
      ),
    recall: async () => NOTHING,
    remember: async () => true,
  };
}
