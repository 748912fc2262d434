import { readFileSync } from 'node:fs';
import { type LoadedConfig, usageError } from '@drydock/kit';
import type { Abi, Address, Hex } from 'viem';
import { escrowSection } from './config/escrow.ts';
import { loadArtifact } from './contracts/artifacts.ts';

const OURS = { factory: 'EscrowFactory', escrow: 'MilestoneEscrow' } as const;

/** The ABI that the config names, or the reference product's. */
export function loadAbi(config: LoadedConfig, which: 'factory' | 'escrow'): Abi {
  const file = escrowSection.of(config).abi[which];
  if (file === undefined) return loadArtifact(OURS[which]).abi as Abi;
  try {
    const read = JSON.parse(readFileSync(config.path(file), 'utf8')) as Abi | { abi?: Abi };
    const abi = 'abi' in read ? read.abi : read;
    if (Array.isArray(abi)) return abi as Abi;
  } catch (cause) {
    throw unreadable(config.path(file), which, (cause as NodeJS.ErrnoException).code ?? 'it is not JSON');
  }
  throw unreadable(config.path(file), which, 'it is no list, and has no "abi"');
}

function unreadable(file: string, which: string, why: string) {
  return usageError(
    'ABI_UNREADABLE',
    `${file} is no ABI (${why}).`,
    `escrow.abi.${which} in drydock.config.ts names a JSON file: an array, or an object with "abi".`,
  );
}

export function requireFunction(abi: Abi, name: string, key: string): void {
  requireItem(abi, 'function', name, key);
}

export function requireEvent(abi: Abi, name: string, key: string): void {
  requireItem(abi, 'event', name, key);
}

function requireItem(abi: Abi, type: 'function' | 'event', name: string, key: string): void {
  if (abi.some((item) => item.type === type && item.name === name)) return;
  const known = abi.flatMap((item) => (item.type === type ? [item.name] : []));
  throw usageError(
    'ABI_WITHOUT',
    `The ABI has no ${type} ${name}, which ${key} names.`,
    `It has: ${known.join(', ') || 'none'}.`,
  );
}

/** What a function of the contracts can be given; the config names which, in order. */
export interface CallValues {
  jobId: string;
  salt: Hex;
  client: Address;
  freelancer: Address;
  /** Wei. */
  amounts: bigint[];
  total: bigint;
}

/** The arguments of a call that the config describes. A job's id is a number where the ABI wants a number. */
export function argumentsOf(
  abi: Abi,
  { function: name, args }: { function: string; args: (keyof CallValues)[] },
  values: CallValues,
): unknown[] {
  const item = abi.find((one) => one.type === 'function' && one.name === name);
  const inputs = item?.type === 'function' ? item.inputs : [];
  return args.map((arg, i) => {
    const type = inputs[i]?.type ?? '';
    if (arg === 'jobId' && type.startsWith('uint')) return numberOf(values.jobId, name);
    if (arg === 'amounts' && !type.endsWith(']')) return values.total;
    return values[arg];
  });
}

function numberOf(jobId: string, functionName: string): bigint {
  if (/^\d{1,77}$/.test(jobId)) return BigInt(jobId);
  throw usageError(
    'JOB_ID_MALFORMED',
    `Job ${JSON.stringify(jobId)} is not a whole number, which ${functionName} wants for its id.`,
    'Does escrow.create in drydock.config.ts name the function of this product?',
  );
}

/** Whether ether is sent along; where the money is a token, the contract fetches it by an allowance of whoever calls. */
export function isPayable(abi: Abi, name: string): boolean {
  return abi.some((item) => item.type === 'function' && item.name === name && item.stateMutability === 'payable');
}
