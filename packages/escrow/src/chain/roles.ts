import { command, hint } from '@drydock/kit';
import type { Abi, Address, Hex } from 'viem';
import type { Target } from '../target.ts';
import type { Reader } from './client.ts';
import { chainError, refused } from './errors.ts';

/** Refuses an account that lacks a role of the factory (AccessControl). Contracts without roles decide by themselves. */
export async function requireRole(
  target: Target,
  reader: Reader,
  which: 'create' | 'rollback',
  account: Address,
): Promise<void> {
  const name = target.escrow.roles[which];
  if ((await hasRole(target, reader, name, account)) !== false) return;
  throw refused(
    'NO_ROLE',
    `${account} has not the role ${name} of the factory ${target.factory}, which ${which === 'create' ? 'creating an escrow' : 'a rollback'} needs.`,
    which === 'rollback'
      ? hint`Use the key of an admin (${command('escrow:inspect', { job: 'JOB' })} lists them), or --propose safe if the admin is a multisig.`
      : `Have an admin grant it, or use another key (escrow.key in drydock.config.ts).`,
  );
}

/** Undefined where the contract knows no roles. */
export async function hasRole(
  target: Target,
  reader: Reader,
  name: string,
  account: Address,
): Promise<boolean | undefined> {
  const role = await roleHash(target, reader, name);
  if (role === undefined) return undefined;
  try {
    return (await reader.readContract({
      address: target.factory,
      abi: target.abi.factory,
      functionName: 'hasRole',
      args: [role, account],
    })) as boolean;
  } catch (cause) {
    throw chainError(target, `The factory does not say who has the role ${name}`, cause);
  }
}

/** The constant of that name. */
export async function roleHash(target: Target, reader: Reader, name: string): Promise<Hex | undefined> {
  const { factory: abi } = target.abi;
  if (!hasFunction(abi, 'hasRole') || !hasFunction(abi, name)) return undefined;
  try {
    return (await reader.readContract({ address: target.factory, abi, functionName: name })) as Hex;
  } catch (cause) {
    throw chainError(target, `The factory does not know the role ${name}`, cause);
  }
}

function hasFunction(abi: Abi, name: string): boolean {
  return abi.some((item) => item.type === 'function' && item.name === name);
}
