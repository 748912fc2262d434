import { parseDuration, Secret, usageError } from '@drydock/kit';
import type { Values } from '../../values.ts';
import type { OpenRotator, RotatorContext } from '../types.ts';
import { cacheSecondsOf, type JwtSecret } from './config.ts';
import { proveDead } from './proof.ts';
import { newKey, readRing } from './ring.ts';
import { whoUses } from './use.ts';
import { tryNew } from './validate.ts';

/** A ring of keys: the new one verifies everywhere before it signs, the old one until the longest of its tokens has ended. */
export const jwtRotator: OpenRotator<JwtSecret> = (ctx) => {
  const { secret, rotation } = ctx;
  const { variable, alg, marginSeconds } = secret;
  const cacheSeconds = cacheSecondsOf(secret);
  const ringOf = (values: Values) => readRing(variable, values[variable] ?? null);
  const textOf = (values: Values) => values[variable]?.reveal() ?? '';
  const held = (entries: readonly string[]) => ({ [variable]: new Secret(entries.join(','), variable) });
  const kid = kidOf(rotation);
  return {
    variables: [variable],
    productVariables: [variable],
    async procedure() {
      const lifetime = lifetimeOf(ctx);
      return {
        overlap: 'both',
        outageSeconds: 0,
        redeploys: true,
        standbySeconds: cacheSeconds,
        settleSeconds: lifetime + marginSeconds + cacheSeconds,
        says: [
          `a new ${alg} key verifies beside what is there and does not sign yet`,
          `every instance is tried with a token of it, and with a forged one; verifiers elsewhere get to know it in ${cacheSeconds} s`,
          'it signs; what signed until then goes on verifying',
          `the last token of before ends: ${lifetime} s, ${marginSeconds} s for clocks that differ, ${cacheSeconds} s for verifiers elsewhere`,
          'what signed before is taken out, once no instance verifies a token with it any more; one signed with it is tried and must be refused',
        ],
      };
    },
    async refuse(old) {
      if (!ringOf(old).some((key) => key.kid === kid)) return;
      throw usageError(
        'RING_HAS_KID',
        `${variable} has a key ${kid} already, by the name of the one that this rotation would make.`,
        `Take it out of ${variable}, if it is left over from a rotation that was given up.`,
      );
    },
    make: async () => held([newKey(kid, alg)]),
    // A key is valid by being in the environment: there is no service to tell.
    async add() {},
    staged: (old, next) => held([textOf(old), ...ringOf(next).map(({ verifies }) => verifies)]),
    validate: (_, next, addresses) => tryNew(ctx, ringOf(next)[0], addresses),
    promoted: (old, next) => held([textOf(next), ...ringOf(old).map(({ verifies }) => verifies)]),
    stragglers: (old) =>
      whoUses(
        ctx,
        ringOf(old).map((key) => key.kid),
      ),
    async retire() {},
    retired: (_, next) => ({ [variable]: next[variable] ?? null }),
    proof: (old, next) => proveDead(ctx, ringOf(old), ringOf(next)[0]),
    async withdraw() {},
    async adoption(old) {
      // A ring of HS256 is one like any other: what a rotation brings stands beside it until its tokens have ended.
      ringOf(old);
      return { says: [], run: async () => ({}) };
    },
  };
};

/** Nothing random: found again by whoever goes on with the rotation. Of a run's id, the end is what tells two apart. */
function kidOf({ id }: RotatorContext<unknown>['rotation']): string {
  return `k${id
    .replaceAll(/[^\w-]/g, '')
    .slice(-12)
    .toLowerCase()}`;
}

/** The longest of its tokens, in seconds. */
function lifetimeOf({ environment, secret }: RotatorContext<JwtSecret>): number {
  const { lifetimeVariable, lifetimeSeconds } = secret;
  const told = lifetimeVariable && environment.get(lifetimeVariable);
  if (!told) return lifetimeSeconds;
  try {
    return Math.ceil(parseDuration(told) / 1_000);
  } catch (cause) {
    throw usageError(
      'LIFETIME_UNREADABLE',
      `${lifetimeVariable} is ${told}, and ${(cause as Error).message}.`,
      'Without it nobody knows how long the old key has to verify.',
    );
  }
}
