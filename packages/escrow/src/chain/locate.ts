import { command, hint, IN_SANDBOX, OpsError, toOpsError } from '@drydock/kit';
import pMap from 'p-map';
import { type Address, getAddress, type Hex } from 'viem';
import { argumentsOf, type CallValues } from '../abi.ts';
import type { Target } from '../target.ts';
import { cloneCodeHash, create2Address, saltOf } from './address.ts';
import type { Reader } from './client.ts';
import { chainError } from './errors.ts';

/** Where escrows are, or will be. */
export interface Locate {
  /** Checksummed. */
  one(jobId: string): Promise<Address>;
  /** In lower case: for comparing many. */
  many(jobIds: string[]): Promise<Address[]>;
  /** Why an id can have no address: the salt rule does not take it. A sentence without its subject. */
  refuses(jobId: string): string | undefined;
}

const CONCURRENCY = 16;

/** Asks the chain once for what all addresses have in common; after that they are computed. */
export async function createLocate(target: Target, reader: Reader): Promise<Locate> {
  await requireFactory(target, reader);
  const { salt, address: rule } = target.escrow;
  const refuses = (jobId: string) => {
    try {
      saltOf(salt, jobId);
      return undefined;
    } catch (thrown) {
      const { code, message } = toOpsError(thrown);
      return code === 'JOB_ID_MALFORMED'
        ? message.replace(/^Job .*? is not /, 'its id is not ').replace(/\.$/, '')
        : undefined;
    }
  };
  const contract = { address: target.factory, abi: target.abi.factory };
  if (rule.kind === 'function') {
    const ask = async (jobId: string) => {
      const values = { jobId, salt: saltOf(salt, jobId) } as CallValues;
      const args = argumentsOf(target.abi.factory, rule, values);
      try {
        return (await reader.readContract({ ...contract, functionName: rule.function, args })) as Address;
      } catch (cause) {
        throw chainError(target, `The factory does not say where the escrow of ${jobId} is`, cause);
      }
    };
    const many = async (ids: string[]) =>
      (await pMap(ids, ask, { concurrency: CONCURRENCY })).map((address) => address.toLowerCase() as Address);
    return { one: ask, many, refuses };
  }
  const hash =
    rule.kind === 'clone' ? await implementationHash(target, reader, rule.implementation) : (rule.initCodeHash as Hex);
  const compute = (jobId: string) => create2Address(target.factory, saltOf(salt, jobId), hash);
  return { one: async (id) => getAddress(compute(id)), many: async (ids) => ids.map(compute), refuses };
}

async function implementationHash(target: Target, reader: Reader, functionName: string): Promise<Hex> {
  try {
    const contract = { address: target.factory, abi: target.abi.factory };
    return cloneCodeHash((await reader.readContract({ ...contract, functionName })) as Address);
  } catch (cause) {
    throw chainError(target, `The factory does not say what its escrows are clones of (${functionName})`, cause);
  }
}

async function requireFactory(target: Target, reader: Reader): Promise<void> {
  let code: Hex | undefined;
  try {
    code = await reader.getCode({ address: target.factory });
  } catch (cause) {
    throw chainError(target, 'The factory cannot be read', cause);
  }
  if (code && code !== '0x') return;
  throw new OpsError({
    code: 'FACTORY_MISSING',
    message: `There is no contract at ${target.factory} on chain ${target.chain.chainId}.`,
    hint: hint`Check ${target.chain.escrowFactory}: ${command('env:check')} shows where the value comes from.${IN_SANDBOX}`,
    exit: 2,
  });
}
