import type { Procedure, RotatorContext } from '../types.ts';
import { accessOf } from './access.ts';
import type { SentrySecret } from './config.ts';
import { readDsn } from './dsn.ts';

/** Where a person finds the keys in Sentry's web page. */
export const PAGE = 'Settings > Projects > Client Keys (DSN)';

export function procedureOf(ctx: RotatorContext<SentrySecret>): Procedure {
  const { secret, environment } = ctx;
  const dsn = readDsn(environment.get(secret.variable) ?? '');
  const access = dsn && accessOf(ctx, dsn);
  const { refusedWithinSeconds } = secret;
  return {
    overlap: 'both',
    outageSeconds: 0,
    redeploys: true,
    settleSeconds: 0,
    refusedWithinSeconds,
    says: [
      ...(access ? byApi(access.project, access.home, secret) : byHand(secret)),
      `up to ${refusedWithinSeconds} s after it was disabled Sentry refuses the old key (403); in an emergency no sooner either`,
      'who uses a key Sentry does not tell: what each instance was started with is what is known',
    ],
  };
}

const TRIED = 'events with the new DSN have to be answered 200: an SDK says nothing of a refusal';

function byApi(project: string, home: URL, { delete: deleted }: SentrySecret): string[] {
  return [
    `makes a client key beside the old one in ${project} at ${home.host}, with the same rate limit; nothing is sent with it before that`,
    TRIED,
    `disables the old key${deleted ? ', and deletes it once it is proven dead' : '; it is not deleted (delete: false)'}`,
  ];
}

function byHand({ token, variable }: SentrySecret): string[] {
  return [
    `without a token (${token}) a person makes the keys in Sentry's web page, ${PAGE}`,
    `first: "Generate New Key", in the same project; its DSN is asked for as ${variable}. The old key stays as it is`,
    TRIED,
    'then, when the new one is in use everywhere: "Disable" on the old key. Until it is, retire waits (exit 3)',
  ];
}
