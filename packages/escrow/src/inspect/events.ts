import { type Address, isAddressEqual } from 'viem';
import { type EventSeen, readLogs } from '../chain/logs.ts';
import type { Session } from '../session.ts';

/** What happened to an escrow, by the contracts' own events, oldest first. */
export async function readHistory({ target, reader }: Session, address: Address, block: bigint): Promise<EventSeen[]> {
  const { created } = target.escrow;
  const history: EventSeen[] = [];
  for await (const seen of readLogs(
    target,
    reader,
    { address: target.factory, abi: target.abi.factory, event: created.event },
    block,
  ))
    history.push(...seen.filter(({ args }) => isAddressEqual(args[created.escrow] as Address, address)));
  for await (const seen of readLogs(target, reader, { address, abi: target.abi.escrow }, block)) history.push(...seen);
  return history.sort((a, b) => Number(a.block - b.block));
}

/** Who has a role of the factory now, by its grants and revocations; empty where it tells none. */
export async function roleHolders({ target, reader }: Session, role: string, block: bigint): Promise<Address[]> {
  const holders = new Set<Address>();
  for await (const seen of readLogs(target, reader, { address: target.factory, abi: target.abi.factory }, block))
    for (const { name, args } of seen) {
      if (args.role !== role) continue;
      if (name === 'RoleGranted') holders.add(args.account as Address);
      if (name === 'RoleRevoked') holders.delete(args.account as Address);
    }
  return [...holders];
}
