import { AsyncLocalStorage } from 'node:async_hooks';
import { connectPostgres, type Secret } from '@drydock/kit';
import type { Client } from 'pg';

const shared = new AsyncLocalStorage<Sessions>();

/**
 * The looks of `work` at one database share a session, one after the other: to open one costs more than most of them. It ends with `work`, or
 * before a copy of the files is made (`endSharedSessions`), in whose way it would be.
 */
export async function sharingSessions<T>(work: () => Promise<T>): Promise<T> {
  if (shared.getStore()) return work();
  const sessions = new Sessions();
  try {
    return await shared.run(sessions, work);
  } finally {
    await sessions.end();
  }
}

export async function endSharedSessions(): Promise<void> {
  await shared.getStore()?.end();
}

/** Undefined where none is shared, or the one there is has work: then whoever looks opens their own. */
export function sharedSession<T>(url: Secret, use: (client: Client) => Promise<T>): Promise<T> | undefined {
  return shared.getStore()?.use(url, use);
}

class Sessions {
  #free = new Map<string, Client>();
  #busy = new Set<string>();

  use<T>(url: Secret, use: (client: Client) => Promise<T>): Promise<T> | undefined {
    const key = url.reveal();
    if (this.#busy.has(key)) return undefined;
    this.#busy.add(key);
    return this.#take(key, url, use).finally(() => this.#busy.delete(key));
  }

  async end(): Promise<void> {
    const all = [...this.#free.values()];
    this.#free.clear();
    await Promise.all(all.map((client) => client.end()));
  }

  async #take<T>(key: string, url: Secret, use: (client: Client) => Promise<T>): Promise<T> {
    const client = this.#free.get(key) ?? (await this.#open(key, url));
    this.#free.delete(key);
    try {
      const result = await use(client);
      this.#free.set(key, client);
      return result;
    } catch (error) {
      // Nobody knows how it stands.
      await client.end();
      throw error;
    }
  }

  async #open(key: string, url: Secret): Promise<Client> {
    const client = await connectPostgres(url, 'drydock look');
    // One that the server has ended is no session any more.
    client.once('end', () => this.#free.get(key) === client && this.#free.delete(key));
    return client;
  }
}
