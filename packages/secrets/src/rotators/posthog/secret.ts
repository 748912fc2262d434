import { OpsError, paused, Secret } from '@drydock/kit';
import type { OpenRotator } from '../types.ts';
import { projectKeysOf, requireKey } from './api.ts';
import { foreignKey, proofOf, validated } from './common.ts';
import type { PostHogSecret } from './config.ts';

const PAGE = 'Settings > Feature flags > Feature flags secure API key';

/** The secret key for flags: a rotation keeps the old one as a backup until that is deleted. */
export const secretKeyRotator: OpenRotator<PostHogSecret> = (ctx) => {
  const { secret, rotation } = ctx;
  const { variable } = secret;
  const keys = projectKeysOf(ctx);
  return {
    variables: [variable],
    productVariables: [variable],
    async procedure() {
      return {
        overlap: 'both',
        outageSeconds: 0,
        redeploys: true,
        settleSeconds: 0,
        says: keys
          ? [
              `rotates the secret key of ${keys.label}: PostHog keeps the old one as a backup`,
              'retire deletes the backup',
              'reverted before that, the old one is used again, as the backup that it is; the new one stays the first at PostHog',
            ]
          : [
              `without a personal API key (${secret.token}) a person does it in PostHog's web page, ${PAGE}`,
              `first: "Rotate"; the new key is asked for as ${variable}. The old one stays valid as the backup`,
              'then, when the new one is in use everywhere: delete the backup. Until that is done, retire waits (exit 3)',
            ],
      };
    },
    async refuse(old) {
      const held = requireKey(old[variable], secret).reveal();
      if (!keys) return;
      const { secret_api_token: first, secret_api_token_backup: backup } = await keys.read();
      if (held !== first && held !== backup) throw foreignKey(variable, keys.label);
      // Rotating ends what is the backup now.
      if (held === first && backup && !rotation.emergency)
        throw new OpsError({
          code: 'POSTHOG_BACKUP_LEFT',
          message: `${keys.label} still has a backup of its secret key, from a rotation before: rotating would end it at once.`,
          hint: `Delete it, once nobody uses it any more, in ${PAGE}; then run this again.`,
        });
    },
    async make(old) {
      const held = requireKey(old[variable], secret).reveal();
      if (!keys) return { [variable]: requireKey(await ctx.ask(variable), secret) };
      const before = await keys.read();
      if (held !== before.secret_api_token && held !== before.secret_api_token_backup)
        throw foreignKey(variable, keys.label);
      // It is the backup already: the call that made it one had no answer, or a rotation was reverted.
      const now = held === before.secret_api_token ? await keys.change('rotate_secret_token') : before;
      if (now.secret_api_token && now.secret_api_token !== held)
        return { [variable]: new Secret(now.secret_api_token, variable) };
      throw new OpsError({
        code: 'POSTHOG_KEY_HIDDEN',
        message: `PostHog does not show the secret key of ${keys.label} to the personal API key in ${secret.token}.`,
        hint: 'It has to be that of an administrator of the project.',
      });
    },
    async add() {},
    staged: () => ({}),
    validate: async (_old, next) => validated(ctx, requireKey(next[variable], secret)),
    promoted: (_old, next) => next,
    stragglers: async () => [],
    async retire(old, next) {
      const held = requireKey(old[variable], secret);
      if (keys) {
        const { secret_api_token_backup: backup } = await keys.read();
        if (backup === held.reveal()) await keys.change('delete_secret_token_backup');
        return;
      }
      const { verdict, says } = await proofOf(ctx, held, requireKey(next[variable], secret));
      if (verdict === 'dead') return;
      throw paused(`The old key is still valid (${says}).`, `Delete the backup in ${PAGE}, and run this again.`);
    },
    retired: () => ({}),
    proof: async (old, next) => proofOf(ctx, requireKey(old[variable], secret), requireKey(next[variable], secret)),
    async withdraw() {
      ctx.onLine('PostHog keeps the new secret key as its first; the old one stays valid beside it, as the backup.');
    },
  };
};
