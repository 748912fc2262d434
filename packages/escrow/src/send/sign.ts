import { setTimeout as sleep } from 'node:timers/promises';
import { command, type Finding, hint, OpsError } from '@drydock/kit';
import { type Address, formatEther, type Hex, keccak256, type LocalAccount, toHex } from 'viem';
import type { Reader } from '../chain/client.ts';
import { chainError, isUnsupported, refused, wordsOf } from '../chain/errors.ts';
import type { Fees } from '../chain/fees.ts';
import { revertOf } from '../chain/revert.ts';
import type { Target } from '../target.ts';
import { trust } from '../trust.ts';
import { type Decision, decide, type Situation } from './decide.ts';
import type { Deed, Signed } from './deed.ts';
import { observe } from './observe.ts';
import type { Turn } from './turn.ts';

export interface Signing {
  target: Target;
  reader: Reader;
  account: Pick<LocalAccount, 'address' | 'signTransaction'>;
  turn: Turn;
  /** Most to offer per gas, in wei. */
  cap: bigint;
  warn(finding: Finding): void;
}

/** Gas beyond the estimate: another transaction may come first and make storage dearer. */
const GAS_MARGIN = { numerator: 12n, denominator: 10n };

/** Looks at chain and mempool, decides, and signs. Nothing leaves this machine, so that it may be done again. */
export async function sign(signing: Signing, deed: Deed, floor: number): Promise<Signed> {
  const { target, reader, account, turn, cap } = signing;
  try {
    for (const finding of (await trust(target, reader)).findings) signing.warn(finding);
    const observing = { target, reader, account: account.address, cap, floor };
    let situation = await observe(observing, deed);
    let decision = decide(situation);
    for (let looks = 1; decision.action === 'send' || decision.action === 'replace'; looks++) {
      // A new nonce is taken in turn; what was so before the wait may not be so now.
      if (decision.action === 'send' && (await turn.take())) {
        situation = await observe(observing, deed);
        decision = decide(situation);
        continue;
      }
      const gas = await tried(signing, deed, situation);
      if (typeof gas === 'bigint') {
        await requireBalance(signing, deed.call.value + gas * decision.fees.max);
        return await signTransaction(signing, deed, decision, situation, gas);
      }
      // Another node may be a block further, where it is done: one that refuses is believed once it says so again.
      if (looks > LOOKS) throw gas;
      await sleep(target.chain.pollMs);
      situation = await observe(observing, deed);
      decision = decide(situation);
    }
    return unsigned(deed, account.address, decision, situation);
  } catch (cause) {
    throw chainError(target, `${deed.what} cannot be prepared`, cause);
  }
}

const LOOKS = 3;

/** The gas that it takes, or the refusal of the contract. */
async function tried(signing: Signing, deed: Deed, { head }: Situation): Promise<bigint | OpsError> {
  try {
    await deed.requireWanted(signing.reader, head);
    return await simulate(signing, deed);
  } catch (thrown) {
    if (thrown instanceof OpsError && thrown.code === 'WOULD_REVERT') return thrown;
    throw thrown;
  }
}

/** Calls it as if, at the newest block; a revert is told by the contract's own error. Returns the gas to allow. */
export async function simulate(
  { target, reader, account }: Pick<Signing, 'target' | 'reader'> & { account: { address: Address } },
  deed: Deed,
): Promise<bigint> {
  // Nodes estimate on top of the mempool by default, where the transaction that this one replaces has already happened.
  const at = (block: 'latest' | 'pending') => gasAt(reader, { from: account.address, ...deed.call }, block);
  try {
    return await at('latest').catch((cause: unknown) => {
      if (!deed.timed) throw cause;
      return at('pending').catch((later: unknown) => {
        // A chain without that block has told all that it can.
        throw isUnsupported(later) && revertOf(later, []) === undefined ? cause : later;
      });
    });
  } catch (cause) {
    const funds = /insufficient (funds|balance)|exceeds.*balance|outoffunds/i.test(wordsOf(cause).join(' '));
    if (funds) await requireBalance({ target, reader, account }, deed.call.value + 1n);
    const reason = revertOf(cause, [target.abi.escrow, target.abi.factory]);
    if (reason === undefined) throw chainError(target, `${deed.what} cannot be simulated`, cause);
    throw refused(
      'WOULD_REVERT',
      `The contract refuses this: ${deed.what} would revert with ${reason}.`,
      hint`Nothing was sent. ${command('escrow:inspect', { job: 'ID' })} shows both sides.`,
    );
  }
}

/** Asked as it is: the library's own calls stumble over data of a revert that they do not expect. */
async function gasAt(
  reader: Reader,
  { value, ...call }: Deed['call'] & { from: Address },
  block: 'latest' | 'pending',
): Promise<bigint> {
  const params = [{ ...call, value: toHex(value) }, block] as const;
  await reader.request({ method: 'eth_call', params: [...params] });
  const gas = BigInt(await reader.request({ method: 'eth_estimateGas', params: [...params] }));
  return (gas * GAS_MARGIN.numerator) / GAS_MARGIN.denominator;
}

async function requireBalance(
  { reader, account }: { target: Target; reader: Reader; account: { address: Address } },
  needed: bigint,
): Promise<void> {
  const balance = await reader.getBalance({ address: account.address });
  if (balance >= needed) return;
  throw refused(
    'BALANCE_TOO_LOW',
    `${account.address} has ${formatEther(balance)} ETH, and this may take ${formatEther(needed)}.`,
    `Send it ${formatEther(needed - balance)} ETH or more, then run this again.`,
  );
}

async function signTransaction(
  { account, target }: Signing,
  deed: Deed,
  decision: Extract<Decision, { action: 'send' | 'replace' }>,
  situation: Situation,
  gas: bigint,
): Promise<Signed> {
  const { nonce, fees, action } = decision;
  const common = { chainId: target.chain.chainId, nonce, gas, ...deed.call };
  const raw = await account.signTransaction({ ...common, ...feeFields(fees) } as Parameters<
    LocalAccount['signTransaction']
  >[0]);
  return {
    deed: deed.key,
    action,
    from: account.address,
    hash: keccak256(raw as Hex),
    nonce,
    replaces: action === 'replace' ? decision.hash : null,
    raw,
    max: String(fees.max),
    priority: fees.priority === null ? null : String(fees.priority),
    why: null,
    ...seenBy(situation),
  };
}

function feeFields({ max, priority }: Fees) {
  return priority === null
    ? { type: 'legacy', gasPrice: max }
    : { type: 'eip1559', maxFeePerGas: max, maxPriorityFeePerGas: priority };
}

function seenBy({ head, recalled, knew }: Situation) {
  return { block: String(head), recalled, knew };
}

function unsigned(
  deed: Deed,
  from: Address,
  decision: Extract<Decision, { action: 'adopt' | 'wait' }>,
  situation: Situation,
): Signed {
  const waits = decision.action === 'wait' ? decision : undefined;
  return {
    deed: deed.key,
    action: decision.action,
    from,
    hash: waits?.hash ?? null,
    nonce: waits?.nonce ?? null,
    replaces: null,
    raw: waits?.raw ?? null,
    max: null,
    priority: null,
    why: null,
    ...seenBy(situation),
  };
}
