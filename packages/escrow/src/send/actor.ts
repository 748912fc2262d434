import { toOpsError, withPostgres } from '@drydock/kit';
import type { Address, Hex } from 'viem';
import { chainError } from '../chain/errors.ts';
import type { Target } from '../target.ts';
import { trust } from '../trust.ts';
import { broadcast } from './broadcast.ts';
import { confirm } from './confirm.ts';
import type { Confirmed, Deed, Signed } from './deed.ts';
import { knownOf, sentBefore } from './earlier.ts';
import { forgetSent, writeSent } from './ledger.ts';
import { type Signing, sign } from './sign.ts';

export interface Sending extends Signing {
  target: Target;
  /** How long one transaction may take before it is replaced. */
  minedWithinMs: number;
}

/** A deed with all that brings it about. What the steps do, without the journal around it. */
export interface Actor {
  what: string;
  /** `carryOn`: what is wrong with this deed alone is an answer, not a failure; the others of a sweep go on. */
  sign(floor: number, carryOn: boolean): Promise<Signed>;
  /** False if somebody else has sent one for it meanwhile: this one must not leave the machine. */
  record(signed: Signed): Promise<boolean>;
  send(signed: Signed): Promise<{ sent: boolean; why: string | null }>;
  confirm(signed: Signed, waiting: { signal: AbortSignal; detail(text: string): void }): Promise<Confirmed>;
}

export function createActor(sending: Sending, deed: Deed): Actor {
  const { target, turn } = sending;
  return {
    what: deed.what,
    async sign(floor, carryOn) {
      try {
        return await sign(sending, deed, floor);
      } catch (thrown) {
        await turn.release();
        const { code, message } = toOpsError(thrown);
        if (!carryOn || !OF_THE_DEED.has(code)) throw thrown;
        return refusedDeed(deed, sending.account.address, { code, message });
      }
    },
    async record(signed) {
      const [sent] = isNew(signed) ? knownOf(signed) : [];
      if (!sent) return true;
      const recorded = await withPostgres(target.databaseUrl, 'drydock escrow', async (client) => {
        if (!(await writeSent(client, deed.key, sent, signed.knew ?? []))) return false;
        if (await deed.remember(sent.hash, signed.recalled)) return true;
        await forgetSent(client, sent.hash);
        return false;
      });
      if (!recorded) await turn.release();
      return recorded;
    },
    async send(signed) {
      try {
        if (!isNew(signed)) return { sent: false, why: null };
        return await handOver(sending, deed, signed);
      } finally {
        await turn.release();
      }
    },
    async confirm(signed, waiting) {
      const known = await sentBefore(target, deed.key);
      return confirm({ ...sending, ...waiting, known }, deed, signed);
    },
  };
}

/** What is waited for was sent by another run. */
const isNew = ({ action }: Signed) => action === 'send' || action === 'replace';

/** Between the signature and now the run may have been dead for days: whether it is still wanted is asked of both sides. */
async function handOver(
  { target, reader }: Sending,
  deed: Deed,
  { raw, hash }: Signed,
): Promise<{ sent: boolean; why: string | null }> {
  try {
    const { head } = await trust(target, reader);
    if (await deed.isDone(reader, head.number)) return { sent: false, why: null };
    await deed.requireWanted(reader, head.number);
  } catch (cause) {
    throw chainError(target, `${deed.what} cannot be sent`, cause);
  }
  const { answer, why } = await broadcast(reader, raw as Hex, hash as Hex);
  return { sent: answer === 'taken', why };
}

/** The contract does not want it, or the job is not any more what was planned: nobody else's deed is the worse for it. */
const OF_THE_DEED = new Set([
  'WOULD_REVERT',
  'JOB_CHANGED',
  'JOB_INCOMPLETE',
  'JOB_UNKNOWN',
  'NOT_ASKED_FOR',
  'RELEASED_MEANWHILE',
]);

function refusedDeed(deed: Deed, from: Address, { code, message }: { code: string; message: string }): Signed {
  const nothing = { hash: null, nonce: null, replaces: null, raw: null, max: null, priority: null };
  return { deed: deed.key, action: 'refused', from, ...nothing, why: message, code };
}
