import { isAddress, isAddressEqual } from 'viem';
import { chainError } from './chain/errors.ts';
import type { JobRow } from './jobs/types.ts';
import type { Session } from './session.ts';

/** Why a job that has nothing where this factory would put it is left alone: something stands where the database says that it is. */
export async function whyElsewhere(
  { target, reader }: Pick<Session, 'target' | 'reader'>,
  row: JobRow,
  address: string,
): Promise<string | undefined> {
  if (!row.deployed || row.address === null || !isAddress(row.address, { strict: false })) return undefined;
  if (isAddressEqual(row.address, address as `0x${string}`)) return undefined;
  const code = await reader.getCode({ address: row.address }).catch((cause) => {
    throw chainError(target, `Whether there is a contract at ${row.address} cannot be read`, cause);
  });
  if (!code || code === '0x') return undefined;
  return `its escrow is at ${row.address}, and this factory would put it at ${address}, where there is nothing: another factory has made it`;
}
