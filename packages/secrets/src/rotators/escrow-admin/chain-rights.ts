import type { Secret } from '@drydock/kit';
import type { EscrowAdminSecret } from './config.ts';

export type Address = `0x${string}`;

/** A role of a contract: its name for people, its hash for the chain. */
export interface Right {
  contract: Address;
  role: string;
  hash: Address;
  /** It goes over in two steps (AccessControlDefaultAdminRules): promised by the one, accepted by the other. */
  twoSteps: boolean;
}

/**
 * What a rotation needs of the chain. Whatever is sent is sent once, whoever was killed, and believed when it is confirmed; where the
 * chain does not answer, an OpsError with code RPC_UNREACHABLE or CHAIN_FAILED is thrown.
 */
export interface ChainRights {
  newKey(): Secret;
  addressOf(key: Secret): Address;
  /** Of the roles that the config names, those that an account has: in a block that is believed, or in the newest one. */
  heldBy(account: Address, at: 'confirmed' | 'newest'): Promise<Right[]>;
  /** Of those that go over in two steps, those of which the first is done for that account. */
  promisedTo(account: Address, at: 'confirmed' | 'newest'): Promise<Right[]>;
  /** Has the operator, or one of these keys, the role's admin role? */
  mayGrant(right: Right, keys: readonly Secret[]): Promise<boolean>;
  /** Or promises it. */
  grant(right: Right, to: Address, keys: readonly Secret[]): Promise<void>;
  /** What was promised; whoever had it has it no more. Paused while the contract's delay is not over. */
  accept(right: Right, key: Secret): Promise<void>;
  /** Takes a promise back. */
  cancel(right: Right, to: Address, keys: readonly Secret[]): Promise<void>;
  /** Never by the account itself. */
  revoke(right: Right, from: Address, keys: readonly Secret[]): Promise<void>;
  /** Once: an account that has sent something had it. */
  fund(to: Address, ether: string, keys: readonly Secret[]): Promise<void>;
  sweep(from: Secret, to: Address): Promise<void>;
  /** Wei. */
  balanceOf(account: Address): Promise<bigint>;
  /** Calls that need the roles, simulated: whether the contract lets the account do what it does not let a stranger do. */
  probe(account: Address, held: readonly Right[]): Promise<{ what: string; allowed: boolean }[]>;
  /** Nonces of transactions that are sent and not yet mined. */
  unmined(account: Address): Promise<number[]>;
  openKeystore(path: string, password: Secret): Promise<Secret>;
  sealKeystore(key: Secret, password: Secret): Promise<string>;
}

export type OpenChainRights = (wanted: Pick<EscrowAdminSecret, 'contracts'>) => Promise<ChainRights>;
