import { exec, type Secret } from '@drydock/kit';
import { randomSecret } from '../../random.ts';
import { unknown } from '../../unknown.ts';
import type { Values } from '../../values.ts';
import type { OpenRotator, Proof } from '../types.ts';
import type { GenericSecret } from './config.ts';

/** What a proof command says with its exit code: the old one was tried, and refused. */
const REFUSED = 3;

/** Any variable: the service's side is done by the product's own commands. */
export const genericRotator: OpenRotator<GenericSecret> = ({ environment, secret, ask, signal, onLine, config }) => {
  const { variable } = secret;
  const held = (values: Values): Secret | null => values[variable] ?? null;
  const run = async (
    command: readonly string[],
    old: Values,
    next: Values,
    okCodes: number[] = [],
  ): Promise<number> => {
    const [program = '', ...args] = command;
    const shown = { OLD: held(old)?.reveal() ?? '', NEW: held(next)?.reveal() ?? '' };
    const env = { ...environment.forChild('operator'), ...shown };
    return (await exec(program, args, { cwd: config.root, env, signal, onLine, okCodes })).code;
  };
  return {
    variables: [variable],
    productVariables: [variable],
    async procedure() {
      const both = secret.overlap === 'both';
      return {
        overlap: secret.overlap,
        outageSeconds: both ? 0 : 1,
        redeploys: true,
        settleSeconds: both ? secret.settleSeconds : 0,
        says: [
          secret.add ? `makes the new one valid: ${secret.add.join(' ')}` : 'the service needs no word of the new one',
          secret.retire ? `ends the old one: ${secret.retire.join(' ')}` : 'the old one ends as the product forgets it',
        ],
      };
    },
    async refuse() {},
    async make() {
      return { [variable]: secret.value === 'ask' ? await ask(variable) : randomSecret(variable) };
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
    validate: async () => (secret.validate ? 'by its command' : 'nothing to try it with: no validate.command'),
    promoted: (_, next) => next,
    stragglers: async () => [],
    async retire(old, next) {
      if (secret.retire) await run(secret.retire, old, next);
    },
    retired: () => ({}),
    async proof(old, next): Promise<Proof> {
      if (!secret.proof) return { verdict: 'unknown', says: 'no command tries the old one (proof)' };
      const code = await run(secret.proof, old, next, [REFUSED]).catch((error) => {
        throw unknown(`Whether the old ${variable} still works`, error);
      });
      return { verdict: code === REFUSED ? 'dead' : 'alive', says: `${secret.proof.join(' ')}: exit ${code}` };
    },
    async withdraw(old, next) {
      // With the two in each other's place: one value alone is set back by what sets it; beside the old one it is ended by what ends one.
      const back = secret.overlap === 'none' ? secret.add : secret.retire;
      if (secret.add && back && next[variable]) await run(back, next, old);
    },
  };
};
