import { setTimeout as sleep } from 'node:timers/promises';
import { formatDuration, paused } from '@drydock/kit';
import type { Address } from 'viem';
import { acceptDeed, pendingAdmin } from '../deeds/admin.ts';
import type { Right } from '../deeds/role.ts';
import type { Deed } from '../send/deed.ts';
import type { Session } from '../session.ts';

/** Longer ones are for another day: whoever runs it comes back. */
const WAITS_MS = 60_000;

/** Takes what was promised to an account, once the contract's delay is over. */
export async function accept(
  { target, reader }: Session,
  right: Right,
  account: Address,
  waiting: { signal: AbortSignal; detail(text: string): void },
  confirmed: () => Promise<bigint>,
  send: (deed: Deed) => Promise<void>,
): Promise<void> {
  const deed = acceptDeed(target, right, account);
  if (await deed.isDone(reader, await confirmed())) return;
  const { number, timestamp } = await reader.getBlock();
  const pending = await pendingAdmin(reader, right.contract, number);
  // Taken already, and not as deep yet as it is believed: what follows waits for that.
  if (pending) {
    // Blocks come when there is something to put into them on some chains: the clock of this machine tells as well.
    const now = Math.max(Date.now(), Number(timestamp) * 1_000);
    await ripe(right, account, { fromMs: pending.from * 1_000, now }, waiting);
  }
  await send(deed);
}

async function ripe(
  { role, contract }: Right,
  account: Address,
  { fromMs, now }: { fromMs: number; now: number },
  { signal, detail }: { signal: AbortSignal; detail(text: string): void },
): Promise<void> {
  // A block of that very second is too early.
  const left = fromMs + 1_000 - now;
  if (left <= 0) return;
  if (left > WAITS_MS)
    throw paused(
      `${role} of ${contract} goes over to ${account} from ${new Date(fromMs).toISOString()} on, and not before: that is the delay of the contract.`,
      `Go on then, in ${formatDuration(left)}. Until then the address of before is the admin.`,
    );
  detail(`${role} goes over in ${formatDuration(left)}`);
  await sleep(left, undefined, { signal });
}
