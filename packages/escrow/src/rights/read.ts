import type { Environment } from '@drydock/kit';
import { type Hex, zeroHash } from 'viem';
import { chainError } from '../chain/errors.ts';
import { isRevert } from '../chain/revert.ts';
import { hasAdminRules } from '../deeds/admin.ts';
import type { Right } from '../deeds/role.ts';
import type { Session } from '../session.ts';
import { addressIn } from '../target.ts';

interface Named {
  address: string;
  roles: readonly string[];
  optionalRoles: readonly string[];
}

/** What the config names, as the contracts have it. */
export async function readRights(
  session: Session,
  { environment, contracts }: { environment: Environment; contracts: readonly Named[] },
): Promise<Right[]> {
  const named = contracts.flatMap(({ address, roles, optionalRoles }) => [
    ...optionalRoles.map((role) => ({ address, role, optional: true })),
    ...roles.map((role) => ({ address, role, optional: false })),
  ]);
  const found = await Promise.all(named.map((one) => readRight(session, environment, one)));
  return found.filter((right) => right !== undefined);
}

async function readRight(
  { target, reader }: Session,
  environment: Environment,
  { address, role, optional }: { address: string; role: string; optional: boolean },
): Promise<Right | undefined> {
  const contract = await addressIn(environment, address);
  try {
    if (role === 'DEFAULT_ADMIN_ROLE')
      return { contract, role, hash: zeroHash, twoSteps: await hasAdminRules(reader, contract) };
    const abi = [{ type: 'function', name: role, inputs: [], outputs: [{ type: 'bytes32' }], stateMutability: 'view' }];
    const hash = (await reader.readContract({ address: contract, abi, functionName: role })) as Hex;
    return { contract, role, hash, twoSteps: false };
  } catch (cause) {
    if (optional && isRevert(cause)) return undefined;
    throw chainError(target, `${address} does not say what ${role} is`, cause);
  }
}
