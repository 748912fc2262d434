import { toOpsError } from '@drydock/kit';
import type { Address, Hex } from 'viem';
import type { Target } from '../target.ts';
import { broadcast } from './broadcast.ts';
import { confirm } from './confirm.ts';
import type { Confirmed, Deed, Signed } from './deed.ts';
import { type Signing, sign } from './sign.ts';

export interface Sending extends Signing {
  target: Target;
  /** How long one transaction may take before it is replaced. */
  minedWithinMs: number;
}

/** A deed with all that brings it about. What the steps do, without the journal around it. */
export interface Actor {
  what: string;
  /** `carryOn`: a revert is an answer, not a failure; the others of a sweep go on. */
  sign(floor: number, carryOn: boolean): Promise<Signed>;
  record(signed: Signed): Promise<void>;
  send(signed: Signed): Promise<{ sent: boolean; why: string | null }>;
  confirm(signed: Signed, waiting: { signal: AbortSignal; detail(text: string): void }): Promise<Confirmed>;
}

export function createActor(sending: Sending, deed: Deed): Actor {
  const { reader, turn } = sending;
  return {
    what: deed.what,
    async sign(floor, carryOn) {
      try {
        return await sign(sending, deed, floor);
      } catch (thrown) {
        await turn.release();
        const { code, message } = toOpsError(thrown);
        if (!carryOn || code !== 'WOULD_REVERT') throw thrown;
        return refusedDeed(deed, sending.account.address, message);
      }
    },
    async record({ raw, hash }) {
      if (raw) await deed.remember(hash as Hex);
    },
    async send({ raw, hash }) {
      try {
        return raw ? await broadcast(reader, raw as Hex, hash as Hex) : { sent: false, why: null };
      } finally {
        await turn.release();
      }
    },
    confirm: (signed, waiting) => confirm({ ...sending, ...waiting }, deed, signed),
  };
}

function refusedDeed(deed: Deed, from: Address, why: string): Signed {
  const nothing = { hash: null, nonce: null, replaces: null, raw: null, max: null, priority: null };
  return { deed: deed.key, action: 'refused', from, ...nothing, why };
}
