import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { text } from 'node:stream/consumers';
import { OpsError } from '@drydock/kit';
import { type Connection, connectionOf } from './connection.ts';

const ANSWER_MS = 30_000;

interface Asked {
  method?: 'GET' | 'POST' | 'DELETE';
  query?: Record<string, string | number | boolean> | undefined;
  body?: unknown;
  headers?: Record<string, string>;
  signal?: AbortSignal | undefined;
}

/** What an engine refuses, in its own words. */
export class EngineRefusal extends OpsError {
  readonly status: number;

  constructor(status: number, at: string, message: string) {
    super({ code: 'SWARM_REFUSED', message: `The engine at ${at} refuses: ${message}.` });
    this.status = status;
  }
}

/**
 * The engine of a manager of the swarm, by its own API (Docker Engine API; 1.41 is that of Debian 12). The command line is left out: its exit code
 * says "converged" of what was rolled back, and what it is given stands in the list of processes. Paths carry no version: each engine
 * speaks its own, and what is used here is in all of them.
 */
export class Engine {
  readonly #connection: Connection;

  constructor(address: string, certificates?: string) {
    this.#connection = connectionOf(address, certificates);
  }

  get label(): string {
    return this.#connection.label;
  }

  async get<T>(path: string, query: Asked['query'] = {}): Promise<T> {
    return this.#json<T>(path, { query });
  }

  async post<T>(path: string, body: unknown, more: Pick<Asked, 'query' | 'headers' | 'signal'> = {}): Promise<T> {
    return this.#json<T>(path, { ...more, method: 'POST', body });
  }

  async delete(path: string): Promise<void> {
    (await this.#send(path, { method: 'DELETE' })).resume();
  }

  /** An answer that is read as it comes, until the signal. */
  async stream(path: string, query: Asked['query'], signal: AbortSignal): Promise<IncomingMessage> {
    return this.#send(path, { query, signal });
  }

  async #json<T>(path: string, asked: Asked): Promise<T> {
    const answer = await this.#send(path, asked);
    const said = await this.#told(() => text(answer));
    return (said ? JSON.parse(said) : undefined) as T;
  }

  async #send(
    path: string,
    { method = 'GET', query = {}, body, headers = {}, signal }: Asked,
  ): Promise<IncomingMessage> {
    const { tls, request: to } = this.#connection;
    const search = new URLSearchParams(
      Object.entries(query).map(([name, value]): [string, string] => [name, String(value)]),
    );
    const payload = body === undefined ? undefined : JSON.stringify(body);
    const answer = await this.#told(
      () =>
        new Promise<IncomingMessage>((done, fail) => {
          const asking = (tls ? httpsRequest : httpRequest)({
            host: 'engine',
            ...to,
            method,
            path: `${path}${search.size > 0 ? `?${search}` : ''}`,
            headers: { ...headers, ...(payload === undefined ? {} : { 'content-type': 'application/json' }) },
            ...(signal ? { signal } : {}),
          });
          const late = setTimeout(() => asking.destroy(new Error(`no answer within ${ANSWER_MS / 1000} s`)), ANSWER_MS);
          asking.on('response', done).on('error', fail);
          asking.on('close', () => clearTimeout(late)).on('response', () => clearTimeout(late));
          asking.end(payload);
        }),
    );
    const status = answer.statusCode ?? 0;
    if (status < 400) return answer;
    throw new EngineRefusal(status, this.label, messageOf(await this.#told(() => text(answer)), status));
  }

  async #told<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (cause) {
      if ((cause as Error).name === 'AbortError') throw cause;
      const { code, message } = cause as NodeJS.ErrnoException;
      throw new OpsError({
        code: 'SWARM_UNREACHABLE',
        message: `The engine at ${this.label} does not answer (${code ?? message}).`,
        hint: 'Is it running, and may you speak with it? release.swarm.engine names the variable with its address.',
        cause,
      });
    }
  }
}

function messageOf(said: string, status: number): string {
  try {
    return String((JSON.parse(said) as { message: string }).message).replace(/\.$/, '');
  } catch {
    return `status ${status}`;
  }
}
