import { shownAddress } from '@drydock/kit';
import { unknown } from '../../unknown.ts';
import type { Proof, RotatorContext } from '../types.ts';
import type { JwtSecret } from './config.ts';
import { instancesOf, readPublished, tryToken } from './instance.ts';
import type { RingKey } from './ring.ts';
import { signed, tokenOf } from './token.ts';

/**
 * A token of each old key, which we still have, is refused by every instance, and one of the new key is taken: an instance that takes none is down,
 * not strict.
 */
export async function proveDead(ctx: RotatorContext<JwtSecret>, old: readonly RingKey[], key: RingKey): Promise<Proof> {
  const { secret } = ctx;
  const kids = old.map(({ kid }) => kid).join(', ');
  const addresses = await instancesOf(ctx, `Whether ${kids} still works`);
  if (addresses === undefined) return { verdict: 'unknown', says: 'nothing runs there that was released from here' };
  const tokens = await Promise.all(
    old.filter(({ signs }) => signs).map(async (one) => ({ kid: one.kid, token: await tokenOf(secret, signed(one)) })),
  );
  const fresh = { kid: key.kid, token: await tokenOf(secret, signed(key)) };
  const asked = await Promise.allSettled(
    addresses.map((address) => aliveAt(ctx, address, { tokens, fresh, kids: old.map(({ kid }) => kid) })),
  );
  // One that takes it is an answer, even where another one does not answer.
  const alive = asked.find((one) => one.status === 'fulfilled' && one.value !== undefined);
  if (alive?.status === 'fulfilled' && alive.value) return { verdict: 'alive', says: alive.value };
  for (const one of asked) if (one.status === 'rejected') throw one.reason;
  const tried = tokens.map(({ kid }) => kid).join(', ');
  const all = `${addresses.length} of ${addresses.length} instances`;
  return { verdict: 'dead', says: `a token of ${tried}: refused by ${all}; one of ${key.kid}: taken` };
}

interface Tried {
  kid: string;
  token: string;
}

/** What shows that an instance still takes the old ones; undefined where it was seen to refuse them. */
async function aliveAt(
  { secret, signal }: RotatorContext<JwtSecret>,
  address: string,
  { tokens, fresh, kids }: { tokens: readonly Tried[]; fresh: Tried; kids: readonly string[] },
): Promise<string | undefined> {
  const at = shownAddress(address);
  for (const { kid, token } of tokens)
    if ((await tryToken(address, secret.probe, token, signal)) === 'taken') return `${at} takes a token of ${kid}`;
  if ((await tryToken(address, secret.probe, fresh.token, signal)) === 'refused')
    throw unknown(`Whether ${at} takes a token of ${kids.join(', ')}`, `it refuses one of ${fresh.kid} as well`);
  if (!secret.jwks) return undefined;
  const { keys } = await readPublished(address, secret.jwks, signal);
  const still = kids.find((kid) => keys.some((one) => one.kid === kid));
  return still && `${at} still publishes ${still} at ${secret.jwks}`;
}
