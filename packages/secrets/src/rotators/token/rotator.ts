import { createHash } from 'node:crypto';
import { audienceOf, environmentSettings, OpsError, type Secret, usageError } from '@drydock/kit';
import { randomSecret } from '../../random.ts';
import { unknown } from '../../unknown.ts';
import type { Values } from '../../values.ts';
import type { OpenRotator } from '../types.ts';
import type { TokenSecret } from './config.ts';
import { lastUses } from './last-used.ts';
import { ringText, tokensIn } from './ring.ts';
import { type Answer, sendToken } from './try.ts';

/** A token that the product itself checks: made here, known to nobody but the product and its clients. */
export const tokenRotator: OpenRotator<TokenSecret> = (ctx) => {
  const { secret, config, environment, product, signal } = ctx;
  const { variable, list } = secret;
  const ring = (values: Values) => tokensIn(values[variable], list);
  const newest = (values: Values): Secret => {
    const [first] = ring(values);
    if (first) return first;
    throw usageError(
      'SECRET_MISSING',
      `${variable} is not set for ${environment.name}.`,
      `Set it in .env.${environment.name}`,
    );
  };
  const value = (...tokens: readonly Secret[]): Values => ({ [variable]: ringText(tokens, variable) });

  /** Each instance by itself; where they are not known, what people reach. */
  const places = async (): Promise<string[]> => {
    const instances = await product.addresses();
    return instances.length > 0 ? instances : [environment.require(environmentSettings(config, environment.name).url)];
  };
  const send = (base: string, token: Secret | string) => sendToken(base, token, secret, signal);

  /** All of them answer as they should to a token, and to a made-up one with a no. */
  const requireAccepted = async (token: Secret, which: string, addresses?: readonly string[]): Promise<string> => {
    const bases = addresses ?? (await places());
    for (const base of bases) {
      const made = await send(base, madeUp(ctx.rotation.id));
      if (made.is === 'accepted') throw notChecked(secret, made);
      const own = await send(base, token);
      if ([made.is, own.is].includes('absent')) throw notThere(secret, made.is === 'absent' ? made : own);
      if (made.is !== 'refused') throw unknown(`Whether ${which} ${variable} works`, made.says);
      if (own.is === 'refused') throw refusedBy(variable, which, own);
      if (own.is !== 'accepted') throw unknown(`Whether ${which} ${variable} works`, own.says);
    }
    const where = bases.length === 1 ? bases[0] : `${bases.length} instances`;
    return `GET ${secret.path} of ${where}: ${which} is accepted, and a made-up one is refused`;
  };

  return {
    variables: [variable],
    productVariables: audienceOf(config)(variable) === 'product' ? [variable] : [],
    async procedure() {
      return list
        ? {
            overlap: 'both',
            outageSeconds: 0,
            redeploys: true,
            settleSeconds: secret.settleSeconds,
            says: [
              `the product takes the old and the new ${variable}; every client goes on sending the old one`,
              'the new one is tried at each instance, and a made-up one must be refused',
              'the new one comes first, so that clients send it; both are taken',
              'the product forgets the old one, which each instance must then refuse',
            ],
          }
        : {
            overlap: 'none',
            outageSeconds: secret.outageSeconds,
            redeploys: true,
            settleSeconds: 0,
            says: [
              `the product takes one ${variable} only: while its instances are started again one by one, some know the old one and some the new one`,
              `for about ${secret.outageSeconds} s (outageSeconds) whoever sends either is refused by some of them; nobody else is`,
            ],
          };
    },
    refuse: async (old) => void (await requireAccepted(newest(old), 'the one of now')),
    make: async () => ({ [variable]: randomSecret(variable) }),
    // What is valid is what the product is started with.
    async add() {},
    // One that takes the new one alone is asked when it was started with it, and not before.
    ...(list ? {} : { replace: async (_: Values, next: Values) => next }),
    staged: (old, next) => (list ? value(...ring(old), newest(next)) : {}),
    validate: (_, next, addresses) => requireAccepted(newest(next), 'the new one', addresses),
    promoted: (old, next) => (list ? value(newest(next), ...ring(old)) : next),
    async stragglers() {
      return secret.lastUsed ? lastUses(await product.addresses(), secret.lastUsed, secret.timeoutMs, signal) : [];
    },
    async retire() {},
    retired: (_, next) => value(newest(next)),
    async proof(old, next) {
      const said: string[] = [];
      for (const base of await places()) {
        const own = await send(base, newest(next));
        // One that takes nothing at all proves nothing.
        if (own.is !== 'accepted') throw unknown(`Whether the old ${variable} is dead`, `with the new one ${own.says}`);
        for (const token of ring(old)) {
          const answer = await send(base, token);
          if (answer.is === 'accepted') return { verdict: 'alive', says: `with the old one ${answer.says}` };
          if (answer.is !== 'refused')
            throw unknown(`Whether the old ${variable} is dead`, `with the old one ${answer.says}`);
          said.push(answer.says);
        }
      }
      return { verdict: 'dead', says: `with the old one ${said.join(', ')}; with the new one each accepts` };
    },
    async withdraw() {},
  };
};

/** Of the shape of a real one, and the same whenever it is asked. */
function madeUp(id: string): string {
  return createHash('sha256').update(`a token that nobody was given: ${id}`).digest('base64url');
}

function notChecked({ variable, path, header }: TokenSecret, { says }: Answer): OpsError {
  return new OpsError({
    code: 'TOKEN_NOT_CHECKED',
    message: `${says} to a made-up ${variable} at ${path}: nothing is checked there, so nothing can be proved.`,
    hint: `Name a path that wants the token (\`path\`), and the header that carries it (\`header\`: ${header}).`,
    exit: 2,
  });
}

function notThere({ variable, path }: TokenSecret, { says }: Answer): OpsError {
  return new OpsError({
    code: 'TOKEN_PATH_MISSING',
    message: `${says} at ${path}, where ${variable} is to be tried.`,
    hint: 'Name a path that answers to GET and wants the token: `path` of the secret in drydock.config.ts.',
    exit: 2,
  });
}

function refusedBy(variable: string, which: string, { says }: Answer): OpsError {
  return new OpsError({
    code: 'TOKEN_REFUSED',
    message: `${says}: it does not take ${which} as ${variable}.`,
    hint: 'Was it started again with the value of now? A product that takes one token alone says so: `list: false`.',
  });
}
