import { usageError } from '@drydock/kit';
import { type Address, concat, getAddress, type Hex, isAddress, keccak256, pad, stringToBytes, toHex } from 'viem';
import type { EscrowConfig } from '../config/escrow.ts';

/** The salt of a job, by the product's rule: the salt is the job, so a second escrow for it cannot be made. */
export function saltOf(rule: EscrowConfig['salt'], jobId: string): Hex {
  switch (rule) {
    case 'keccak256':
      return keccak256(stringToBytes(jobId));
    case 'uint256':
      if (!/^\d{1,77}$/.test(jobId)) throw badId(rule, jobId, 'a whole number');
      return pad(toHex(BigInt(jobId)), { size: 32 });
    case 'uuid': {
      const digits = jobId.replaceAll('-', '');
      if (!/^[0-9a-f]{32}$/i.test(digits)) throw badId(rule, jobId, 'a UUID');
      return pad(`0x${digits.toLowerCase()}`, { size: 32 });
    }
    case 'bytes32':
      if (!/^0x[0-9a-f]{64}$/i.test(jobId)) throw badId(rule, jobId, '0x and 64 hexadecimal digits');
      return jobId as Hex;
  }
}

function badId(rule: string, jobId: string, expected: string) {
  return usageError(
    'JOB_ID_MALFORMED',
    `Job ${JSON.stringify(jobId)} is not ${expected}, as the salt rule ${rule} wants it.`,
    'Is escrow.salt in drydock.config.ts the rule of this product?',
  );
}

/**
 * An address as somebody wrote it, checksummed; undefined where it is none, or its checksum is wrong. One in capitals alone has no
 * checksum, as one in small letters has none (EIP-55).
 */
export function walletIn(text: string): Address | undefined {
  if (isAddress(text)) return getAddress(text);
  return /^0[xX][0-9A-F]{40}$/.test(text) ? getAddress(text.toLowerCase()) : undefined;
}

/** keccak256 of the init code of a minimal proxy (ERC-1167), as OpenZeppelin's Clones makes it. */
export function cloneCodeHash(implementation: Address): Hex {
  return keccak256(
    concat(['0x3d602d80600a3d3981f3363d3d373d3d3d363d73', implementation, '0x5af43d82803e903d91602b57fd5bf3']),
  );
}

/** Where CREATE2 puts it (EIP-1014), in lower case: a checksum costs another hash, and most addresses are never shown. */
export function create2Address(factory: Address, salt: Hex, initCodeHash: Hex): Address {
  return `0x${keccak256(concat(['0xff', factory, salt, initCodeHash])).slice(26)}`;
}
