import { setTimeout as sleep } from 'node:timers/promises';
import { shownAddress } from '@drydock/kit';
import type { RotatorContext, Straggler } from '../types.ts';
import { cacheSecondsOf, type JwtSecret } from './config.ts';
import { type Counted, readCounted } from './counted.ts';
import { instancesOf, readMetrics } from './instance.ts';

/** Between two looks, where the product does not say when a key was last used. */
const BETWEEN_MS = 2_000;

type Names = NonNullable<JwtSecret['metrics']>;

/**
 * Instances that verify tokens with these keys still. After promote and the longest lifetime no token of them is left: one that comes is of an instance
 * that signs with the old key yet, or of somebody who has stolen it.
 */
export async function whoUses(ctx: RotatorContext<JwtSecret>, kids: readonly string[]): Promise<Straggler[]> {
  const { secret } = ctx;
  if (!secret.metrics) return [];
  const addresses = (await instancesOf(ctx, `Who still uses ${kids.join(', ')}`)) ?? [];
  const names = secret.metrics;
  return (await Promise.all(addresses.map((address) => usesAt(ctx, address, { names, kids })))).flat();
}

async function usesAt(
  ctx: RotatorContext<JwtSecret>,
  address: string,
  { names, kids }: { names: Names; kids: readonly string[] },
): Promise<Straggler[]> {
  const { secret, signal } = ctx;
  const first = await look(ctx, address, names, kids);
  const vague = [...first.counted.values()].some(({ verified, lastAt }) => verified > 0 && lastAt === undefined);
  if (vague) await sleep(BETWEEN_MS, undefined, { signal });
  const second = vague ? await look(ctx, address, names, kids) : first;
  // A token may be used to its very end; what is newer than what we wait beyond that is none of before.
  const recent = secret.marginSeconds + cacheSecondsOf(secret) - 1;
  return kids.flatMap((kid) => {
    const { verified = 0, lastAt } = second.counted.get(kid) ?? {};
    const more = verified - (first.counted.get(kid)?.verified ?? 0);
    const age = lastAt === undefined ? undefined : Math.max(0, second.nowSeconds - lastAt);
    if (!(age === undefined ? more > 0 : age < recent)) return [];
    return [
      {
        who: `tokens of ${kid}`,
        host: new URL(address).hostname,
        pid: shownAddress(address),
        ageSeconds: Math.round(age ?? 0),
        state: `${verified} verified since it was started${age === undefined ? `, ${more} of them just now` : `, the last one ${Math.round(age)} s ago`}`,
      },
    ];
  });
}

async function look(
  { environment, signal }: RotatorContext<JwtSecret>,
  address: string,
  names: Names,
  kids: readonly string[],
): Promise<{ counted: ReadonlyMap<string, Counted>; nowSeconds: number }> {
  const token = names.token ? environment.require(names.token) : undefined;
  const { text, nowSeconds } = await readMetrics(address, { path: names.path, token }, signal);
  return { counted: readCounted(text, kids, names, shownAddress(address)), nowSeconds };
}
