import { setTimeout as sleep } from 'node:timers/promises';
import { createActor, type Sending } from './actor.ts';
import type { Confirmed, Deed } from './deed.ts';
import { OUTRUN, unfinished } from './steps.ts';

/**
 * Brings a deed about without a journal around it: what was sent stands in the environment's database, so that a call after a kill
 * finds it and sends no second one. Returns once it is as deep in the chain as the config wants.
 */
export async function carryOut(
  sending: Sending,
  deed: Deed,
  waiting: { signal: AbortSignal; detail(text: string): void },
): Promise<Confirmed> {
  const { chain } = sending.target;
  const actor = createActor(sending, deed);
  for (let left = chain.replacements; ; left--) {
    const signed = await actor.sign(0, false);
    let found: Confirmed = OUTRUN;
    if (await actor.record(signed)) {
      await actor.send(signed);
      found = await actor.confirm(signed, waiting);
    }
    if (found.state === 'done') return found;
    if (left === 0) throw unfinished(deed.what, found);
    await sleep(chain.pollMs, undefined, { signal: waiting.signal });
  }
}
