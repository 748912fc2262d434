import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { ask, NoAnswer, OpsError, shownAddress } from '@drydock/kit';
import { z } from 'zod';
import { unknown } from '../../unknown.ts';
import { retryAfterMs } from '../admin-api.ts';
import type { Dsn } from './dsn.ts';

const TIMEOUT_MS = 10_000;
const MOST_BYTES = 64 * 1024;
/** A server that has not heard of a key takes events before it has looked whether there is one: twice, so long apart, is believed. */
const APART_MS = 1_500;

export interface Sending {
  environment: string;
  /** `the new DSN`, in errors. */
  which: string;
  signal: AbortSignal;
}

const takenSchema = z.object({ id: z.string() });
const refusedSchema = z.object({ detail: z.string() });

/** Sends one event, and reads what the server says: an SDK says nothing of a refusal. */
export async function sendEvent(dsn: Dsn, sending: Sending): Promise<{ taken: boolean; says: string }> {
  const id = randomUUID().replaceAll('-', '');
  const what = `Whether Sentry takes events with ${sending.which}`;
  const answer = await ask(dsn.envelope, {
    ...{ method: 'POST', timeoutMs: TIMEOUT_MS, mostBytes: MOST_BYTES, signal: sending.signal },
    headers: {
      'content-type': 'application/x-sentry-envelope',
      'x-sentry-auth': `Sentry sentry_version=7, sentry_client=drydock/1, sentry_key=${dsn.publicKey}`,
    },
    body: envelopeOf(id, sending.environment),
  }).catch((cause) => {
    if (!(cause instanceof NoAnswer)) throw cause;
    throw unknown(what, `${shownAddress(dsn.envelope)} ${cause.message}`);
  });
  const body = jsonOf(answer.text);
  const says = `an event to ${shownAddress(dsn.envelope)}: ${answer.status}`;
  if (answer.status === 200 && takenSchema.safeParse(body).data?.id === id) return { taken: true, says };
  // A proxy on the way may refuse as well, and says nothing of the key.
  if (answer.status === 403 && refusedSchema.safeParse(body).success) return { taken: false, says };
  if (answer.status === 429) {
    const seconds = Math.ceil(retryAfterMs(answer.headers.get('retry-after')) / 1_000);
    throw unknown(
      what,
      `${shownAddress(dsn.envelope)} takes nothing for ${seconds} s more, this key or all of them (429)`,
    );
  }
  throw unknown(what, `${shownAddress(dsn.envelope)} answered ${answer.status}, and not as Sentry does`);
}

/** Waits until events are taken; throws where they are still refused when nothing can be remembered any more. */
export async function untilTaken(dsn: Dsn, sending: Sending, patienceMs: number): Promise<string> {
  const deadline = Date.now() + patienceMs;
  for (let inARow = 0; ; ) {
    const { taken, says } = await sendEvent(dsn, sending);
    inARow = taken ? inARow + 1 : 0;
    if (inARow === 2) return `${says}, twice`;
    if (!taken && Date.now() > deadline)
      throw new OpsError({
        code: 'DSN_REFUSED',
        message: `Sentry refuses events with ${sending.which} (${says}).`,
        hint: 'Is the key active, and of this very project? Its page: Settings > Projects > Client Keys (DSN).',
      });
    await sleep(APART_MS, undefined, { signal: sending.signal });
  }
}

function envelopeOf(id: string, environment: string): string {
  const now = new Date().toISOString();
  const event = {
    ...{ event_id: id, timestamp: now, platform: 'node', level: 'info', logger: 'drydock', environment },
    message: { formatted: 'Drydock tried a client key (secret rotation). Nothing is wrong.' },
  };
  return `${[{ event_id: id, sent_at: now }, { type: 'event' }, event].map((line) => JSON.stringify(line)).join('\n')}\n`;
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Then it is not Sentry who answers.
    return undefined;
  }
}
