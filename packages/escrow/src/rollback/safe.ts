import { type Abi, type AbiFunction, keccak256, stringToBytes } from 'viem';

/** A batch as Safe's Transaction Builder loads it ("Transaction Builder" → drag and drop a JSON file). */
export interface SafeBatch {
  version: string;
  chainId: string;
  /** Milliseconds since 1970. */
  createdAt: number;
  meta: {
    name: string | null;
    description: string;
    txBuilderVersion: string;
    createdFromSafeAddress: string;
    createdFromOwnerAddress: string;
    checksum?: string;
  };
  transactions: {
    to: string;
    value: string;
    data: string | null;
    contractMethod: {
      inputs: { internalType: string; name: string; type: string }[];
      name: string;
      payable: boolean;
    } | null;
    contractInputsValues: Record<string, string> | null;
  }[];
}

export interface Proposal {
  chainId: number;
  safe: string;
  job: string;
  reason: string;
  to: string;
  data: string;
  abi: Abi;
  functionName: string;
  now: number;
}

/** One transaction, with the method named where it takes no parameters, so that the owners read what they sign. */
export function safeBatch({ chainId, safe, job, reason, to, data, abi, functionName, now }: Proposal): SafeBatch {
  const item = abi.find((one): one is AbiFunction => one.type === 'function' && one.name === functionName);
  const bare = item?.inputs.length === 0;
  return withChecksum({
    version: '1.0',
    chainId: String(chainId),
    createdAt: now,
    meta: {
      name: `Roll back the escrow of job ${job}`,
      description: reason,
      txBuilderVersion: '1.18.2',
      createdFromSafeAddress: safe,
      createdFromOwnerAddress: '',
    },
    transactions: [
      {
        to,
        value: '0',
        data: bare ? null : data,
        contractMethod: bare ? { inputs: [], name: functionName, payable: false } : null,
        contractInputsValues: bare ? {} : null,
      },
    ],
  });
}

/** As the Transaction Builder computes it: keccak256 of the keys and values in order, the name left out. */
export function withChecksum(batch: SafeBatch): SafeBatch {
  const { checksum: _, ...meta } = batch.meta;
  const text = serialize({ ...batch, meta: { ...meta, name: null } });
  return { ...batch, meta: { ...meta, checksum: keccak256(stringToBytes(text)) } };
}

function serialize(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(serialize).join(',')}]`;
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  const record = value as Record<string, unknown>;
  const keys = Object.keys(record).sort();
  return `{${JSON.stringify(keys)}${keys.map((key) => `${serialize(record[key])},`).join('')}}`;
}
