import { type TaskContext, usageError } from '@drydock/kit';
import { parseGwei, zeroAddress } from 'viem';
import { createReader, type Reader } from './chain/client.ts';
import { guardReads } from './chain/guards.ts';
import { createLocate, type Locate } from './chain/locate.ts';
import { loadAccount } from './keys/account.ts';
import type { Sending } from './send/actor.ts';
import { Turn } from './send/turn.ts';
import { type Target, targetOf } from './target.ts';

/** A target that has been looked at: the right chain, a factory that is there. */
export interface Session {
  target: Target;
  reader: Reader;
  locate: Locate;
}

type Context = Pick<TaskContext, 'config' | 'environment' | 'out'>;

export async function openSession({ config, environment, out }: Context, asks = { database: true }): Promise<Session> {
  const target = await targetOf(config, environment, asks);
  for (const { message } of await guardReads(target)) out.warn(message);
  const reader = createReader(target);
  return { target, reader, locate: await createLocate(target, reader) };
}

/** Has no role anywhere, and cannot sign. */
const NOBODY: Sending['account'] = {
  address: zeroAddress,
  signTransaction: () => Promise.reject(new Error('There is no key to sign with.')),
};

export interface SendFlags {
  maxFee: string | undefined;
  wait: number | undefined;
}

/** With the key: only a task that sends asks for it. `keyless`: to follow what the chain has already. */
export async function openSending(
  session: Session,
  { config, environment, out }: Context,
  flags: SendFlags,
  { keyless = false } = {},
): Promise<Sending> {
  const { chain } = session.target;
  return {
    ...session,
    account: keyless ? NOBODY : await loadAccount(config, environment),
    turn: new Turn(session.target),
    cap: capOf(flags.maxFee, chain.maxFeeGwei),
    minedWithinMs: flags.wait ?? chain.minedWithinMs,
    warn: ({ message }) => out.warn(message),
  };
}

/** `--max-fee 150`: gwei, in decimals. */
export function capOf(flag: string | undefined, configured: number): bigint {
  if (flag === undefined) return parseGwei(String(configured));
  if (!/^\d{1,9}(\.\d{1,9})?$/.test(flag) || Number(flag) === 0)
    throw usageError('USAGE', `--max-fee must be gwei, such as 150 or 0.5, not ${JSON.stringify(flag)}.`);
  return parseGwei(flag);
}
