import { ask, NoAnswer, OpsError, shownAddress } from '@drydock/kit';
import type { Patient, Probe } from './probe.ts';

const VARIABLE = 'SENTRY_DSN';
const MOST_BYTES = 64 * 1024;
const TIMEOUT_MS = 10_000;

/** An envelope with nothing in it: Sentry looks at the key, and there is no event to see. */
export async function sentryProbes({ environment }: Patient): Promise<Probe[]> {
  if (!environment.has(VARIABLE)) return [];
  const { readDsn } = await import('@drydock/secrets/dsn');
  return [
    {
      what: 'Sentry',
      next: `Is the host of ${VARIABLE} right, and reachable from here?`,
      async ask() {
        const dsn = readDsn(environment.require(VARIABLE));
        if (!dsn) throw failed('DSN_WRONG', `What ${VARIABLE} holds is no DSN.`);
        const { status } = await ask(dsn.envelope, {
          ...{ timeoutMs: TIMEOUT_MS, mostBytes: MOST_BYTES, body: '{}\n' },
          headers: {
            'content-type': 'application/x-sentry-envelope',
            'x-sentry-auth': `Sentry sentry_version=7, sentry_client=drydock/1, sentry_key=${dsn.publicKey}`,
          },
        }).catch((cause) => {
          throw cause instanceof NoAnswer
            ? failed('SENTRY_AWAY', `${shownAddress(dsn.envelope)} ${cause.message}.`)
            : cause;
        });
        if (status === 200) return `${shownAddress(dsn.envelope)} takes the key`;
        if (status === 401 || status === 403)
          throw failed('DSN_REFUSED', `${shownAddress(dsn.envelope)} refuses the key (${status}).`);
        throw failed('SENTRY_UNKNOWN', `${shownAddress(dsn.envelope)} answered ${status}, and not as Sentry does.`);
      },
    },
  ];
}

function failed(code: string, message: string): OpsError {
  return new OpsError({
    code,
    message,
    hint: `A DSN is https://KEY@HOST/PROJECT, as Sentry shows it under Settings > Projects > Client Keys (DSN): ${VARIABLE}='…'`,
  });
}
