import { OpsError, Secret } from '@drydock/kit';
import type { OpenRotator } from '../types.ts';
import { projectKeysOf, requireKey } from './api.ts';
import { foreignKey, proofOf, validated } from './common.ts';
import type { PostHogSecret } from './config.ts';

/** The public key: PostHog makes the new one in the place of the old one, and nothing brings that back. */
export const projectKeyRotator: OpenRotator<PostHogSecret> = (ctx) => {
  const { secret } = ctx;
  const { variable } = secret;
  const keys = projectKeysOf(ctx);
  return {
    variables: [variable],
    productVariables: [variable],
    async procedure() {
      return {
        overlap: 'none',
        outageSeconds: OUTAGE_SECONDS,
        redeploys: true,
        settleSeconds: 0,
        noWayBackAfter: 'promote',
        says: [
          'the key is public by design: who has it can send events, and read nothing',
          keys
            ? `promote resets the token of ${keys.label}: the old one ends at once, and cannot be brought back`
            : `without a personal API key (${secret.token}) a person resets it at promote, in PostHog's web page: Settings > Project > General > Project token. The old one ends at once; the new one is asked for as ${variable}`,
          'until an instance is started again PostHog answers its events 200 and drops them; flags are refused (401)',
          'what browsers and apps hold is not changed by this: they send with the old key until they load the new one',
        ],
      };
    },
    async refuse(old) {
      const held = requireKey(old[variable], secret);
      if (keys && (await keys.read()).api_token !== held.reveal()) throw foreignKey(variable, keys.label);
    },
    // PostHog alone can make it, and ends the old one by that: see replace.
    make: async () => ({ [variable]: null }),
    async add() {},
    async replace(old) {
      const held = requireKey(old[variable], secret);
      if (!keys) return { [variable]: requireKey(await ctx.ask(variable), secret) };
      const now = (await keys.read()).api_token;
      // Another one already: the call that made it had no answer, or its answer was not kept.
      const made = now === held.reveal() ? (await keys.change('reset_token')).api_token : now;
      return { [variable]: new Secret(made, variable) };
    },
    staged: () => ({}),
    validate: async (_old, next) => validated(ctx, requireKey(next[variable], secret)),
    promoted: (_old, next) => next,
    stragglers: async () => [],
    // It ended when the new one was made.
    async retire() {},
    retired: () => ({}),
    proof: async (old, next) => proofOf(ctx, requireKey(old[variable], secret), requireKey(next[variable], secret)),
    async withdraw(old, next) {
      // The call that replaced it may have had no answer.
      const held = requireKey(old[variable], secret).reveal();
      if (!next[variable] && (!keys || (await keys.read()).api_token === held)) return;
      throw new OpsError({
        code: 'NO_WAY_BACK',
        message: "PostHog's old project key ended when the new one was made: nothing brings it back.",
        hint: 'Go on with the new one.',
      });
    },
  };
};

/** A rolling restart of a few instances. */
const OUTAGE_SECONDS = 60;
