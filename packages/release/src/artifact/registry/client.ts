import { setTimeout as sleep } from 'node:timers/promises';
import { OpsError, type Secret } from '@drydock/kit';

const WITHIN_MS = 30_000;
const TRIES = 4;
const PAUSE_MS = 200;
/** Of a tree of some hundred megabytes, on a line that is none of the best. */
const BLOB_WITHIN_MS = 30 * 60_000;

export interface RegistryAddress {
  /** `registry.example/shop-artefacts` */
  repository: string;
  /** It speaks plain HTTP. */
  insecure: boolean;
  user: string | undefined;
  password: Secret | undefined;
}

interface Asking {
  method?: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE';
  headers?: Record<string, string>;
  /** Sent a second time where the registry wants to know first who we are. */
  body?: string | Blob;
  /** What is an answer besides 2xx. */
  ok?: number[];
  signal?: AbortSignal | undefined;
  /** Large, and slow. */
  isBlob?: boolean;
}

/** A repository of a registry, over its API: https://github.com/opencontainers/distribution-spec/blob/v1.1.0/spec.md */
export class RegistryClient {
  readonly host: string;
  readonly #address: RegistryAddress;
  readonly #name: string;
  #authorization: string | undefined;

  constructor(address: RegistryAddress) {
    this.#address = address;
    const [host = '', ...name] = address.repository.split('/');
    this.host = host;
    this.#name = name.join('/');
  }

  /** `path`: below the repository, or the whole address that the registry gave. */
  async ask(path: string, { ok = [], ...asking }: Asking = {}): Promise<Response> {
    let answer = await this.#send(path, asking);
    for (let tries = 1; answer.status >= 500 && tries < TRIES; tries++) {
      // Two who write at once are too many for some of them.
      await answer.body?.cancel();
      await sleep(PAUSE_MS * tries, undefined, asking.signal ? { signal: asking.signal } : {});
      answer = await this.#send(path, asking);
    }
    if (answer.status === 401) {
      await answer.body?.cancel();
      const { signal } = asking;
      this.#authorization = await this.#authorize(answer.headers.get('www-authenticate') ?? '', signal);
      answer = await this.#send(path, asking);
    }
    if (answer.ok || ok.includes(answer.status)) return answer;
    throw refused(this.host, answer.status, await answer.text().catch(() => ''));
  }

  get #base(): string {
    return `${this.#address.insecure ? 'http' : 'https'}://${this.host}/v2/${this.#name}/`;
  }

  #send(path: string, { method = 'GET', headers = {}, body, signal, isBlob = false }: Asking): Promise<Response> {
    const url = new URL(path, this.#base);
    // Who we are is for the registry alone, also where it says itself where to go on.
    const ours = url.host === this.host && this.#authorization ? { authorization: this.#authorization } : {};
    return this.#fetch(url, {
      method,
      headers: { ...headers, ...ours },
      ...(body === undefined ? {} : { body }),
      ...{ signal, withinMs: isBlob ? BLOB_WITHIN_MS : WITHIN_MS },
    });
  }

  async #fetch(
    url: URL,
    { signal, withinMs, ...init }: Omit<RequestInit, 'signal'> & { signal: AbortSignal | undefined; withinMs: number },
  ): Promise<Response> {
    const late = AbortSignal.timeout(withinMs);
    try {
      return await fetch(url, { ...init, signal: signal ? AbortSignal.any([signal, late]) : late });
    } catch (cause) {
      signal?.throwIfAborted();
      throw unreachable(url.host, cause);
    }
  }

  /** By name and password, or by a token for them: https://distribution.github.io/distribution/spec/auth/token/ */
  async #authorize(wanted: string, signal: AbortSignal | undefined): Promise<string> {
    const { user, password } = this.#address;
    const basic =
      user && password ? `Basic ${Buffer.from(`${user}:${password.reveal()}`).toString('base64')}` : undefined;
    const of = (name: string) => new RegExp(`${name}="([^"]*)"`, 'i').exec(wanted)?.[1];
    const realm = /^bearer /i.test(wanted) ? URL.parse(of('realm') ?? '') : null;
    if (!realm) {
      if (basic) return basic;
      throw refused(this.host, 401, '');
    }
    realm.searchParams.set('service', of('service') ?? this.host);
    realm.searchParams.set('scope', `repository:${this.#name}:pull,push,delete`);
    const headers = basic ? { authorization: basic } : {};
    const answer = await this.#fetch(realm, { headers, signal, withinMs: WITHIN_MS });
    const said = (answer.ok ? await answer.json() : {}) as { token?: string; access_token?: string };
    const token = said.token ?? said.access_token;
    if (token) return `Bearer ${token}`;
    throw refused(this.host, 401, '');
  }
}

function unreachable(host: string, cause: unknown): OpsError {
  const { name, cause: inner } = cause as Error & { cause?: NodeJS.ErrnoException };
  const why = name === 'TimeoutError' ? 'no answer in time' : (inner?.code ?? inner?.message ?? name);
  return new OpsError({
    code: 'REGISTRY_UNREACHABLE',
    message: `The registry ${host} does not answer (${why}).`,
    hint: 'Check release.artifact.store and the network; one that speaks plain HTTP wants `insecure` there.',
    cause,
  });
}

function refused(host: string, status: number, text: string): OpsError {
  const denied = status === 401 || status === 403;
  const said = /"message":"([^"]{1,200})"/.exec(text)?.[1];
  return new OpsError({
    code: denied ? 'REGISTRY_REFUSED' : 'REGISTRY_FAILED',
    message: `The registry ${host} ${denied ? 'does not let us in' : `answers ${status}`}${said ? `: ${said}` : ''}.`,
    hint: denied ? 'Set the variables of release.artifact.store.user and .password.' : undefined,
  });
}
