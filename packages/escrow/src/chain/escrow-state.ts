import { OpsError } from '@drydock/kit';
import pMap from 'p-map';
import { type Abi, type Address, concat, encodeAbiParameters, type Hex, toFunctionSelector } from 'viem';
import { loadArtifact } from '../contracts/artifacts.ts';
import type { Target } from '../target.ts';
import type { Reader } from './client.ts';
import { AnswerMissingError, chainError } from './errors.ts';

/** What the chain says of one escrow, at one block. */
export interface EscrowState {
  /** Is there a contract at all? */
  exists: boolean;
  /** There is one, and it does not answer like an escrow of this product. */
  foreign: boolean;
  /** Wei not paid out yet. */
  unreleased: bigint;
  rolledBack: boolean;
}

export type EscrowReads = Pick<Target, 'abi' | 'escrow' | 'rpcUrls'>;

/** Answers stay under EIP-170, requests under EIP-3860 (contracts/BatchReader.sol). */
const PER_REQUEST = 500;
const CONCURRENCY = 4;
const PARAMETERS = [{ type: 'address[]' }, { type: 'bytes4' }, { type: 'bytes4' }] as const;

/** Many escrows per request, a bounded number of requests at once, all at one block. */
export async function readEscrows(
  target: EscrowReads,
  reader: Reader,
  addresses: Address[],
  blockNumber: bigint,
): Promise<EscrowState[]> {
  const { unreleased, rolledBack } = target.escrow.reads;
  const views = [
    selectorOf(target.abi.escrow, unreleased),
    selectorOf(target.abi.escrow, rolledBack.function),
  ] as const;
  const { bytecode } = loadArtifact('BatchReader');
  const batches = Array.from({ length: Math.ceil(addresses.length / PER_REQUEST) }, (_, i) =>
    addresses.slice(i * PER_REQUEST, (i + 1) * PER_REQUEST),
  );
  try {
    const answers = await pMap(
      batches,
      async (batch) => {
        const data = concat([bytecode, encodeAbiParameters(PARAMETERS, [batch, ...views])]);
        const { data: words = '0x' } = await reader.call({ data, blockNumber });
        if (words.length !== 2 + batch.length * 64) throw new AnswerMissingError('eth_call');
        return batch.map((_, i) => readWord(words, i, Number(rolledBack.equals)));
      },
      { concurrency: CONCURRENCY },
    );
    return answers.flat();
  } catch (cause) {
    throw chainError(target, 'The escrows cannot be read', cause);
  }
}

export async function readEscrow(target: EscrowReads, reader: Reader, address: Address, blockNumber: bigint) {
  const [state] = await readEscrows(target, reader, [address], blockNumber);
  if (state) return state;
  throw new OpsError({ code: 'CHAIN_FAILED', message: `Nothing was answered for ${address}.` });
}

/** Word `i` of an answer of BatchReader. */
function readWord(words: Hex, i: number, rolledBackState: number): EscrowState {
  const word = words.slice(2 + i * 64, 2 + (i + 1) * 64);
  const kind = Number.parseInt(word.slice(0, 2), 16);
  return {
    exists: kind !== 0,
    foreign: kind === 2,
    unreleased: BigInt(`0x${word.slice(4)}`),
    rolledBack: kind === 1 && Number.parseInt(word.slice(2, 4), 16) === rolledBackState,
  };
}

/** The views take no argument and answer with one word: uint, bool or enum. */
function selectorOf(abi: Abi, name: string): Hex {
  const item = abi.find((one) => one.type === 'function' && one.name === name && one.inputs.length === 0);
  if (item?.type === 'function') return toFunctionSelector(item);
  throw new OpsError({
    code: 'ABI_WITHOUT',
    message: `The escrow's ABI has no function ${name} without parameters.`,
    hint: 'escrow.reads in drydock.config.ts names the views.',
    exit: 2,
  });
}
