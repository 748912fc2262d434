import { command, EXIT, hint, OpsError } from '@drydock/kit';
import type { Address, Right } from './chain-rights.ts';
import type { EscrowAdminSecret } from './config.ts';

const same = (a: Right, b: Right) => a.contract === b.contract && a.hash === b.hash;

export const without = (all: readonly Right[], those: readonly Right[]) =>
  all.filter((one) => !those.some((other) => same(one, other)));

export const named = (rights: readonly Right[]) =>
  rights.map(({ role, contract }) => `${role} of ${contract}`).join(', ');

export function noDoor(): OpsError {
  return new OpsError({ code: 'CHAIN_NOT_GIVEN', message: 'This task has no way to the chain.' });
}

export function withoutRoles(variable: string, from: Address, { contracts }: EscrowAdminSecret): OpsError {
  return new OpsError({
    code: 'KEY_WITHOUT_ROLES',
    message: `${from}, the address of ${variable}, has none of the roles that are to go over (${contracts.map(({ address, roles }) => `${roles.join(', ')} of ${address}`).join('; ')}).`,
    hint: hint`Is it the key that the product signs with, and are these its contracts? ${command('env:check')} shows where the values come from; the roles are \`contracts\` of the secret.`,
    exit: EXIT.refused,
  });
}

/** Told before anything is made: the rotation will wait for them. */
export function needsAdmin({ role, contract }: Right): string {
  return `No key at hand may grant ${role} of ${contract}: the rotation stops there, names the call for whoever may (a multisig), and goes on once they have made it.`;
}

export function rolesMissing(to: Address, missing: readonly Right[]): OpsError {
  return new OpsError({
    code: 'ROLE_MISSING_ON_CHAIN',
    message: `The new address ${to} has not ${missing.length > 0 ? named(missing) : 'one role'}, as of the newest confirmed block.`,
    hint: 'Did somebody take it away meanwhile? Run it again: what is missing is granted anew.',
  });
}

export function probeRefused(what: string, to: Address): OpsError {
  return new OpsError({
    code: 'PROBE_REFUSED',
    message: `${what} answers the new address ${to} as it answers a stranger: its role does not open that, or the call proves nothing.`,
    hint: 'Look at `contracts[].probes` of the secret: a probe is a call that the role lets through.',
  });
}

export function withoutEther(to: Address): OpsError {
  return new OpsError({
    code: 'NEW_KEY_WITHOUT_ETHER',
    message: `The new address ${to} has no ether, and could pay for no transaction.`,
    hint: 'Send it some and run it again, or let the rotation do it: `fund` of the secret in drydock.config.ts.',
  });
}

export function lastOfThem(missing: readonly Right[], from: Address, to: Address): OpsError {
  return new OpsError({
    code: 'LAST_OF_ITS_ROLE',
    message: `The new address ${to} has not ${named(missing)}: taken from ${from}, nobody might have it any more.`,
    hint: 'Nothing was revoked. Grant it anew (run the rotation again), then retire.',
    exit: EXIT.refused,
  });
}
