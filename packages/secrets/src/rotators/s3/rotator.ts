import { setTimeout as sleep } from 'node:timers/promises';
import { audienceOf, OpsError, Secret } from '@drydock/kit';
import { unknown } from '../../unknown.ts';
import type { Values } from '../../values.ts';
import type { OpenRotator } from '../types.ts';
import { type Tried, tryBucket } from './bucket.ts';
import type { S3Secret } from './config.ts';
import { issuerOf } from './issuer.ts';
import { type Pair, pairIn } from './pair.ts';

const LOOK_MS = 1_000;

/** The access key of a bucket: the store knows both for a while. */
export const s3Rotator: OpenRotator<S3Secret> = (ctx) => {
  const { secret, config, environment, rotation, signal } = ctx;
  const variables = [secret.accessKeyId, secret.secretAccessKey];
  const issuer = issuerOf(ctx);
  const of = (values: Values) => pairIn(values, secret);
  /** Until the store says what it is to say, or a change has had its time to spread. */
  const tryUntil = async (pair: Pair, wanted: Tried['is']): Promise<Tried> => {
    const deadline = Date.now() + secret.spreadSeconds * 1_000;
    for (;;) {
      const tried = await tryBucket(secret, environment, pair, rotation.id, signal);
      if (tried.is === wanted || Date.now() > deadline) return tried;
      await sleep(LOOK_MS, undefined, { signal });
    }
  };
  const requireAccepted = async (pair: Pair, which: string): Promise<string> => {
    const tried = await tryUntil(pair, 'accepted');
    if (tried.is === 'accepted') return `${which} ${pair.accessKeyId} ${tried.says}`;
    if (tried.is === 'unclear') throw unknown(`Whether ${which} ${pair.accessKeyId} works`, tried.says);
    throw new OpsError({
      code: 'S3_KEY_REFUSED',
      message: `The store refuses ${which} ${pair.accessKeyId}: ${tried.says}.`,
      hint: 'Has it the right to put, read and delete below `prefix` of the secret in the bucket?',
    });
  };

  return {
    variables,
    productVariables: variables.filter((name) => audienceOf(config)(name) === 'product'),
    async procedure() {
      return {
        overlap: 'both',
        outageSeconds: 0,
        redeploys: variables.some((name) => audienceOf(config)(name) === 'product'),
        settleSeconds: secret.settleSeconds,
        says: [
          issuer.says,
          'an object is put, read and deleted with the new key',
          'the old key must be refused for the same; with the new one it must still work',
        ],
      };
    },
    async refuse(old) {
      const pair = of(old);
      await requireAccepted(pair, 'the key of now');
      await issuer.refuse(pair);
    },
    async make(old) {
      const { accessKeyId, secretAccessKey } = await issuer.create(of(old));
      return {
        [secret.accessKeyId]: new Secret(accessKeyId, secret.accessKeyId),
        [secret.secretAccessKey]: secretAccessKey,
      };
    },
    // Whoever made it has made it known.
    async add() {},
    staged: () => ({}),
    validate: (_, next) => requireAccepted(of(next), 'the new key'),
    promoted: (_, next) => next,
    stragglers: (old, next) => issuer.stragglers(of(old).accessKeyId, of(next)),
    retire: (old, next) => issuer.remove(of(old).accessKeyId, of(next)),
    retired: () => ({}),
    async proof(old, next) {
      const gone = await tryUntil(of(old), 'refused');
      if (gone.is === 'unclear') throw unknown('Whether the old key is dead', gone.says);
      if (gone.is === 'accepted') return { verdict: 'alive', says: `the old key ${of(old).accessKeyId} ${gone.says}` };
      // A bucket that lets nobody in proves nothing.
      const kept = await requireAccepted(of(next), 'the new key');
      return { verdict: 'dead', says: `the old key ${of(old).accessKeyId} is refused: ${gone.says}; ${kept}` };
    },
    withdraw: (old, next) =>
      next[secret.accessKeyId] ? issuer.remove(of(next).accessKeyId, of(old)) : issuer.removeUnkept(of(old)),
  };
};
