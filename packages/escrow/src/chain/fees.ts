/** In wei per gas. `priority` is null on a chain without EIP-1559, where `max` is the gas price. */
export interface Fees {
  max: bigint;
  priority: bigint | null;
}

/** Nodes take a replacement at the same nonce from 10 % (geth) or 12.5 % (others) more on, for both fees. */
const BUMP = { numerator: 1_125n, denominator: 1_000n };

/**
 * What a replacement must offer: 12.5 % more of both, rounded up, and not less than what is asked for now. A fee of
 * zero becomes one wei.
 */
export function bump(old: Fees, now: Fees): Fees {
  const raise = (value: bigint) => divideUp(value * BUMP.numerator, BUMP.denominator) || 1n;
  const max = maxOf(raise(old.max), now.max);
  if (old.priority === null || now.priority === null) return { max, priority: null };
  return { max, priority: minOf(maxOf(raise(old.priority), now.priority), max) };
}

/**
 * The same within a cap: where the market asks for more, the cap, if nodes take it as a replacement and a block of now would
 * take it. Undefined where the cap does not suffice.
 */
export function bumpWithin(old: Fees, now: Fees, cap: bigint, baseFee: bigint | null): Fees | undefined {
  const wanted = bump(old, now);
  if (wanted.max <= cap) return wanted;
  const least = bump(old, { max: 0n, priority: now.priority === null ? null : 0n });
  if (least.max > cap || cap < (baseFee ?? wanted.max)) return undefined;
  return { max: cap, priority: wanted.priority === null ? null : minOf(wanted.priority, cap) };
}

/** What is asked for now: twice the base fee lasts six full blocks of rising demand (EIP-1559: 12.5 % a block). */
export function suggest(baseFee: bigint | null, tip: bigint, gasPrice: bigint): Fees {
  return baseFee === null ? { max: gasPrice, priority: null } : { max: baseFee * 2n + tip, priority: tip };
}

/** At most `cap`. Undefined if that would not even pay the base fee, so that it could never be mined. */
export function capped(fees: Fees, cap: bigint, baseFee: bigint | null): Fees | undefined {
  if (fees.max <= cap) return fees;
  if (cap < (baseFee ?? fees.max)) return undefined;
  return { max: cap, priority: fees.priority === null ? null : minOf(fees.priority, cap) };
}

/** Would a block of now take it? */
export function isMineable(fees: Fees, baseFee: bigint | null): boolean {
  return baseFee === null || fees.max >= baseFee;
}

const divideUp = (a: bigint, b: bigint) => (a + b - 1n) / b;
const maxOf = (a: bigint, b: bigint) => (a > b ? a : b);
const minOf = (a: bigint, b: bigint) => (a < b ? a : b);
