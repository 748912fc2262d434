import { setTimeout as sleep } from 'node:timers/promises';
import { type Answered, ask, type Hint, NoAnswer, OpsError, type Secret, shownAddress, shownLine } from '@drydock/kit';
import { z } from 'zod';
import { unknown } from '../unknown.ts';

const TIMEOUT_MS = 15_000;
const MOST_BYTES = 4 * 1024 * 1024;
/** Longest wait for a service that is asked too often, in all. */
const PATIENCE_MS = 60_000;
const MOST_SHOWN = 200;

export interface AdminCall<T> {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  url: URL;
  body?: object;
  /** What it is for, as the end of "the token may not …": `make a client key`. */
  what: string;
  /** What the token has to be allowed: `project:write`. */
  scope: string;
  schema: z.ZodType<T>;
}

/** How a service's administration is reached. */
export interface AdminAccess {
  service: string;
  token: Secret;
  /** The variable that holds it. */
  variable: string;
  /** What is configured, for a 404: `project web of the organization acme`. */
  project: string;
  signal: AbortSignal;
}

export interface AdminAnswer<T> {
  data: T;
  headers: Headers;
}

const detailSchema = z.object({ detail: z.string() });

/** One call of a service's administration. No answer is UNKNOWN; the token is in a header, and in no error. */
export async function callAdmin<T>(access: AdminAccess, call: AdminCall<T>): Promise<AdminAnswer<T>> {
  const answer = await patiently(access, call);
  if (answer.ok) return { data: parsedAs(access, call, answer), headers: answer.headers };
  throw refusalOf(access, call, answer);
}

async function patiently<T>(access: AdminAccess, call: AdminCall<T>): Promise<Answered> {
  const deadline = Date.now() + PATIENCE_MS;
  for (;;) {
    const answer = await askOnce(access, call);
    if (answer.status !== 429) return answer;
    const waitMs = retryAfterMs(answer.headers.get('retry-after'));
    if (Date.now() + waitMs > deadline)
      throw unknown(
        whether(access, call),
        `it was asked too often, and wants ${Math.ceil(waitMs / 1_000)} s of rest (429)`,
      );
    await sleep(waitMs, undefined, { signal: access.signal });
  }
}

async function askOnce<T>(access: AdminAccess, { method, url, body, ...call }: AdminCall<T>): Promise<Answered> {
  const { token, signal } = access;
  try {
    return await ask(url, {
      ...{ method, timeoutMs: TIMEOUT_MS, mostBytes: MOST_BYTES, signal },
      headers: { authorization: `Bearer ${token.reveal()}`, 'content-type': 'application/json' },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
  } catch (cause) {
    if (!(cause instanceof NoAnswer)) throw cause;
    throw unknown(whether(access, call), `${shownAddress(url)} ${cause.message}`);
  }
}

const whether = ({ service }: AdminAccess, { what }: { what: string }) =>
  `Whether ${service} did what it was asked (${what})`;

/** Seconds, or a date (RFC 9110, 10.2.3); a second where it says nothing. */
export function retryAfterMs(said: string | null): number {
  const seconds = Number(said ?? 1);
  const ms = Number.isFinite(seconds) ? seconds * 1_000 : Date.parse(said ?? '') - Date.now();
  return Number.isFinite(ms) ? Math.max(ms, 0) : 1_000;
}

function parsedAs<T>(access: AdminAccess, { schema, what }: AdminCall<T>, { text, status }: Answered): T {
  const read = schema.safeParse(text === '' ? undefined : jsonOf(text));
  if (read.success) return read.data;
  const [issue] = read.error.issues;
  // What stands in it may be a key: only where it is wrong is said.
  throw new OpsError({
    code: 'SERVICE_ANSWER',
    message: `${access.service} answered what cannot be read (${what}: ${status}, wrong at "${issue?.path.join('.') || 'its beginning'}").`,
    hint: 'Is the address of the service right, and its API of a version that is known?',
  });
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // No JSON fits no schema.
    return undefined;
  }
}

function refusalOf<T>(access: AdminAccess, call: AdminCall<T>, { status, text }: Answered): OpsError {
  const { service, variable, project } = access;
  const refused = (code: string, message: string, hint: Hint) => new OpsError({ code, message, hint });
  const said = detailSchema.safeParse(jsonOf(text));
  const because = said.success ? `: ${shownLine(said.data.detail).slice(0, MOST_SHOWN)}` : '';
  if (status === 401)
    return refused(
      'TOKEN_REFUSED',
      `${service} does not know the token in ${variable} (401).`,
      `Make a new token in ${service} and put it into ${variable}.`,
    );
  if (status === 403)
    return refused(
      'TOKEN_LACKS_SCOPE',
      `The token in ${variable} may not ${call.what}: it lacks the scope ${call.scope} (403).`,
      `Give the token in ${variable} the scope ${call.scope}, or make another one.`,
    );
  if (status === 404)
    return refused(
      'PROJECT_NOT_FOUND',
      `${service} has no ${project} at ${shownAddress(call.url)}, or the token in ${variable} may not see it (404).`,
      'Name organization and project as in the address of their page.',
    );
  if (status >= 500) return unknown(whether(access, call), `${shownAddress(call.url)} answered ${status}`);
  return refused(
    'SERVICE_REFUSED',
    `${service} would not ${call.what} (${status})${because}.`,
    'Mend what it says, and run it again.',
  );
}
