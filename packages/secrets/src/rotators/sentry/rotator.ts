import { paused, Secret } from '@drydock/kit';
import { unknown } from '../../unknown.ts';
import type { Values } from '../../values.ts';
import type { OpenRotator, RotatorContext } from '../types.ts';
import { accessOf } from './access.ts';
import type { SentrySecret } from './config.ts';
import { type Dsn, requireBeside, requireDsn } from './dsn.ts';
import { openClientKeys, ownKey } from './keys.ts';
import { PAGE, procedureOf } from './procedure.ts';
import { type Sending, sendEvent, untilTaken } from './send.ts';

/** One server of many may have forgotten a key already. */
const ASKED = 3;

/** Client keys are made, disabled and deleted by Sentry's API; without a token for that a person does it, and is told what. */
export const sentryRotator: OpenRotator<SentrySecret> = (ctx) => {
  const { secret, rotation } = ctx;
  const { variable } = secret;
  /** As the rotation's new key is called: found by that, whatever became of the call that made it. */
  const name = `drydock ${rotation.id}`;
  const dsnOf = (values: Values): Dsn => requireDsn(values[variable], variable);
  const keysOf = (dsn: Dsn) => {
    const access = accessOf(ctx, dsn);
    return access && { ...openClientKeys(access), access };
  };

  return {
    variables: [variable],
    productVariables: [variable],
    procedure: async () => procedureOf(ctx),
    async refuse(old) {
      const dsn = dsnOf(old);
      const keys = keysOf(dsn);
      if (keys) ownKey(await keys.list(), dsn, keys.access, variable);
    },
    async make(old) {
      const dsn = dsnOf(old);
      const keys = keysOf(dsn);
      if (!keys) return { [variable]: await askedFor(ctx, dsn) };
      const all = await keys.list();
      const current = ownKey(all, dsn, keys.access, variable);
      const made = all.find((one) => one.name === name) ?? (await keys.create(name, current.rateLimit));
      return { [variable]: new Secret(dsn.withKey(made.public), variable) };
    },
    async add(_old, next) {
      const dsn = dsnOf(next);
      const keys = keysOf(dsn);
      if (!keys) return;
      // A call that was cut off may have made its key after all, when another one had been made already.
      for (const key of await keys.list())
        if (key.name === name && key.public !== dsn.publicKey) await keys.delete(key.id);
    },
    staged: () => ({}),
    validate: async (_old, next) =>
      untilTaken(dsnOf(next), sending(ctx, 'the new DSN'), secret.takenWithinSeconds * 1_000),
    triesByWriting: true,
    promoted: (_old, next) => next,
    stragglers: async () => [],
    async retire(old) {
      const dsn = dsnOf(old);
      const keys = keysOf(dsn);
      if (!keys) return requireDisabled(ctx, dsn);
      const key = (await keys.list()).find((one) => one.public === dsn.publicKey);
      if (key?.isActive) await keys.setActive(key.id, false);
    },
    retired: () => ({}),
    async proof(old, next) {
      let seen = '';
      for (let i = 0; i < ASKED; i++) {
        const { taken, says } = await sendEvent(dsnOf(old), sending(ctx, 'the old DSN'));
        if (taken) return { verdict: 'alive', says: `${says}; ${untilWhen(secret)}` };
        seen = says;
      }
      // A project that takes nothing at all refuses the old one as well.
      const { taken, says } = await sendEvent(dsnOf(next), sending(ctx, 'the new DSN'));
      if (!taken) throw unknown('Whether the old DSN is dead', `the new one is refused as well (${says})`);
      return { verdict: 'dead', says: `${seen}, ${ASKED} times, and 200 with the new one` };
    },
    async discard(old) {
      const dsn = dsnOf(old);
      const keys = secret.delete ? keysOf(dsn) : undefined;
      const key = (await keys?.list())?.find((one) => one.public === dsn.publicKey);
      if (key) await keys?.delete(key.id);
    },
    async withdraw(old) {
      const keys = keysOf(dsnOf(old));
      if (!keys) return ctx.onLine(`The new key is to be deleted by hand: ${PAGE}.`);
      for (const key of await keys.list()) if (key.name === name) await keys.delete(key.id);
    },
  };
};

function sending({ environment, signal }: RotatorContext<SentrySecret>, which: string): Sending {
  return { environment: environment.name, which, signal };
}

function untilWhen({ refusedWithinSeconds }: SentrySecret): string {
  const latest = new Date(Date.now() + refusedWithinSeconds * 1_000).toISOString();
  return `Sentry may take events for ${refusedWithinSeconds} s after a key was disabled (until ${latest} at the latest)`;
}

/** A DSN that a person made. */
async function askedFor({ ask, secret: { variable } }: RotatorContext<SentrySecret>, old: Dsn): Promise<Secret> {
  const given = await ask(variable);
  const value = new Secret(given.reveal().trim(), variable);
  requireBeside(old, requireDsn(value, variable), variable);
  return value;
}

/** A person disables the old key: that it was done is seen by what the server answers. */
async function requireDisabled(ctx: RotatorContext<SentrySecret>, dsn: Dsn): Promise<void> {
  const { taken, says } = await sendEvent(dsn, sending(ctx, 'the old DSN'));
  if (!taken) return;
  throw paused(
    `The old key is active (${says}); ${untilWhen(ctx.secret)}.`,
    `Disable it in Sentry, ${PAGE}, and run this again.`,
  );
}
