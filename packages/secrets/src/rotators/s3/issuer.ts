import { exec, type Json, OpsError, Secret } from '@drydock/kit';
import { z } from 'zod';
import type { RotatorContext, Straggler } from '../types.ts';
import type { S3Secret } from './config.ts';
import { iamOf } from './iam.ts';
import type { Pair } from './pair.ts';

/** Whoever makes and ends access keys. */
export interface Issuer {
  /** For people: what it does, and what it cannot. */
  says: string;
  refuse(now: Pair): Promise<void>;
  create(now: Pair): Promise<Pair>;
  /** Of a `create` that was killed before its key was kept. */
  removeUnkept(now: Pair): Promise<void>;
  /** Asked with the other key, which stays. */
  remove(accessKeyId: string, as: Pair): Promise<void>;
  stragglers(accessKeyId: string, as: Pair): Promise<Straggler[]>;
}

type Context = Pick<
  RotatorContext<S3Secret>,
  'secret' | 'environment' | 'config' | 'rotation' | 'ask' | 'signal' | 'onLine'
>;

const SKEW_MS = 5 * 60_000;

export function issuerOf(ctx: Context): Issuer {
  const { issuer } = ctx.secret;
  if (issuer.by === 'iam') return byIam(ctx, issuer);
  if (issuer.by === 'command') return byCommand(ctx, issuer);
  return byHand(ctx);
}

function byIam({ secret, environment, rotation }: Context, issuer: Extract<S3Secret['issuer'], { by: 'iam' }>): Issuer {
  const iam = (as: Pair) => iamOf(issuer, environment, environment.get(secret.region) ?? 'us-east-1', as);
  return {
    says: 'IAM makes the new key, and deletes the old one (a user has two at most)',
    refuse: async (now) => (await iam(now)).refuseFull(now.accessKeyId),
    create: async (now) => (await iam(now)).create(now.accessKeyId, new Date(begunAt(rotation.id) - SKEW_MS)),
    removeUnkept: async (now) =>
      (await iam(now)).removeUnkept(now.accessKeyId, new Date(begunAt(rotation.id) - SKEW_MS)),
    remove: async (accessKeyId, as) => (await iam(as)).remove(accessKeyId),
    async stragglers(accessKeyId, as) {
      const used = await (await iam(as)).lastUsed(accessKeyId);
      if (!used) return [];
      const ageSeconds = Math.max(0, Math.round((Date.now() - used.at.getTime()) / 1_000));
      if (ageSeconds >= issuer.quietSeconds) return [];
      return [
        { who: `somebody at ${used.service}`, host: used.region, pid: '', ageSeconds, state: 'used the old key' },
      ];
    },
  };
}

/** When a run began: the first ten signs of its ULID are milliseconds since 1970, in Crockford's base 32. */
function begunAt(id: string): number {
  return [...id.slice(0, 10)].reduce((ms, sign) => ms * 32 + '0123456789ABCDEFGHJKMNPQRSTVWXYZ'.indexOf(sign), 0);
}

const printedPair = z.object({ accessKeyId: z.string().min(1), secretAccessKey: z.string().min(1) });

function byCommand(
  { secret, environment, config, rotation, signal, onLine }: Context,
  { create, remove, timeoutMs }: Extract<S3Secret['issuer'], { by: 'command' }>,
): Issuer {
  const run = async (
    [program = '', ...args]: readonly string[],
    env: Record<string, string>,
    more: { onLine?: typeof onLine },
  ) => {
    const bound = AbortSignal.timeout(timeoutMs);
    try {
      return await exec(program, args, {
        cwd: config.root,
        env: { ...environment.forChild('operator'), ...env },
        signal: AbortSignal.any([signal, bound]),
        ...more,
      });
    } catch (cause) {
      if (signal.aborted || !bound.aborted) throw cause;
      throw new OpsError({
        code: 'COMMAND_SLOW',
        message: `${program} did not end within ${timeoutMs} ms.`,
        hint: 'Run it by hand to see why.',
        cause,
      });
    }
  };
  return {
    says: `${create.join(' ')} makes the new key, ${remove.join(' ')} ends the old one`,
    async refuse() {},
    async create() {
      // What it prints is the secret: it is shown to nobody.
      const { stdout } = await run(create, { ROTATION: rotation.id }, {});
      let printed: Json;
      try {
        printed = JSON.parse(stdout);
      } catch {
        printed = null;
      }
      const read = printedPair.safeParse(printed);
      if (read.success)
        return {
          accessKeyId: read.data.accessKeyId,
          secretAccessKey: new Secret(read.data.secretAccessKey, secret.secretAccessKey),
        };
      throw new OpsError({
        code: 'COMMAND_PRINTED_NO_KEY',
        message: `${create.join(' ')} did not print a key as JSON: {"accessKeyId": "…", "secretAccessKey": "…"}.`,
        hint: 'Mend it, and delete what it has made, if anything.',
      });
    },
    // It gives the same key to the same rotation, and is asked by nobody else.
    async removeUnkept() {},
    remove: async (accessKeyId) => void (await run(remove, { ACCESS_KEY_ID: accessKeyId }, { onLine })),
    stragglers: async () => [],
  };
}

function byHand({ secret, ask, onLine }: Context): Issuer {
  return {
    says: 'a new key is made by hand at the store, and asked for; the old one is deleted there by hand',
    async refuse() {},
    async create() {
      const id = await ask(secret.accessKeyId);
      return { accessKeyId: id.reveal().trim(), secretAccessKey: await ask(secret.secretAccessKey) };
    },
    async removeUnkept() {},
    async remove(accessKeyId) {
      onLine(`delete the key ${accessKeyId} at the store now: nothing but that ends it`);
    },
    stragglers: async () => [],
  };
}
