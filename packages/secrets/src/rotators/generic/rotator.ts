import { audienceOf, redact } from '@drydock/kit';
import { randomSecret } from '../../random.ts';
import { unknown } from '../../unknown.ts';
import type { Values } from '../../values.ts';
import type { OpenRotator, Procedure } from '../types.ts';
import { runCommand } from './commands.ts';
import type { GenericSecret } from './config.ts';

/** What a proof command says with its exit code: the old one was tried, and refused. */
const REFUSED = 3;

/** Any variable: the service's side is done by the product's own commands. */
export const genericRotator: OpenRotator<GenericSecret> = (ctx) => {
  const { secret, config, signal, product } = ctx;
  const { variable } = secret;
  const run = (
    command: readonly string[],
    old: Values,
    next: Values,
    more: { address?: string; okCodes?: number[] } = {},
  ) => runCommand(ctx, command, { old: old[variable] ?? null, next: next[variable] ?? null, ...more }, more.okCodes);
  const ofProduct = audienceOf(config)(variable) === 'product';
  return {
    variables: [variable],
    productVariables: ofProduct ? [variable] : [],
    procedure: async () => procedureOf(secret, ofProduct),
    async refuse() {},
    async make() {
      return { [variable]: secret.value === 'ask' ? await ctx.ask(variable) : randomSecret(variable, secret.bytes) };
    },
    async add(old, next) {
      if (secret.add) await run(secret.add, old, next);
    },
    // A service that takes one value alone loses the old one by the same command.
    ...(secret.overlap === 'none'
      ? {
          async replace(old: Values, next: Values) {
            if (secret.add) await run(secret.add, old, next);
            return next;
          },
        }
      : {}),
    staged: () => ({}),
    async validate(old, next, addresses) {
      if (!secret.tryEach) return '';
      const instances = addresses ?? (await product.addresses());
      for (const address of instances) await run(secret.tryEach, old, next, { address });
      return `${secret.tryEach.join(' ')}: ${instances.length === 0 ? 'no instance is known' : instances.join(', ')}`;
    },
    promoted: (_, next) => next,
    async stragglers(old, next) {
      if (!secret.users) return [];
      const { stdout } = await run(secret.users, old, next).catch((error) => {
        signal.throwIfAborted();
        throw unknown(`Who still uses the old ${variable}`, error);
      });
      const lines = stdout.split('\n').map((line) => redact(line.trim()));
      return lines.filter(Boolean).map((who) => ({ who, host: '', pid: '', ageSeconds: 0, state: 'uses the old one' }));
    },
    async retire(old, next) {
      if (secret.retire) await run(secret.retire, old, next);
    },
    retired: () => ({}),
    async proof(old, next) {
      if (!secret.proof) return { verdict: 'unknown', says: 'no command tries the old one (proof)' };
      const { code } = await run(secret.proof, old, next, { okCodes: [REFUSED] }).catch((error) => {
        signal.throwIfAborted();
        throw unknown(`Whether the old ${variable} still works`, error);
      });
      return { verdict: code === REFUSED ? 'dead' : 'alive', says: `${secret.proof.join(' ')}: exit ${code}` };
    },
    async withdraw(old, next) {
      if (!next[variable] || !secret.add) return;
      // With the two in each other's place: one value alone is set back by what sets it; beside the old one it is ended by what ends one.
      const back = secret.overlap === 'none' ? secret.add : secret.retire;
      if (secret.withdraw) await run(secret.withdraw, old, next);
      else if (back) await run(back, next, old);
      else ctx.onLine(`nothing takes the new ${variable} away at the service again (withdraw): do that by hand`);
    },
  };
};

function procedureOf(secret: GenericSecret, ofProduct: boolean): Procedure {
  const { overlap, outageSeconds, add, retire, proof, settleSeconds, users } = secret;
  const both = overlap === 'both';
  return {
    overlap,
    outageSeconds: both ? 0 : outageSeconds,
    redeploys: ofProduct,
    settleSeconds: both ? settleSeconds : 0,
    says: [
      ...(both
        ? []
        : [
            `the service takes one at a time: from the first instance with the new one until the last, whoever has the wrong one fails, about ${outageSeconds} s (outageSeconds)`,
          ]),
      add ? `makes the new one valid: ${add.join(' ')}` : 'the service needs no word of the new one',
      ...(users ? [`waits until nobody uses the old one: ${users.join(' ')}`] : []),
      retire
        ? `ends the old one: ${retire.join(' ')}`
        : 'nothing ends the old one at the service (retire): the product merely forgets it',
      proof ? `tries the old one: ${proof.join(' ')}` : 'nothing proves that the old one is dead (proof)',
    ],
  };
}
