import { readFileSync } from 'node:fs';
import { unknown } from '../../unknown.ts';
import { DEFAULT_USER, type RedisLogin, type RedisPlace, shownPlace } from './url.ts';

const TIMEOUT_MS = 5_000;
/** Answers that say nothing of a password or a right: it starts, it is cut off, it is full or busy. */
const NO_ANSWER =
  /^(LOADING|MASTERDOWN|BUSY|TRYAGAIN|CLUSTERDOWN|MISCONF|READONLY|DENIED|ERR max number of clients|ERR .*connections)/;

export interface LinkOptions {
  /** As CLIENT LIST has it. */
  name: string;
  tls?: { ca?: string; cert?: string; key?: string } | undefined;
}

/** What Redis said no with: `WRONGPASS invalid username-password pair …`. What was sent is not kept: it may have been a password. */
export class RedisRefusal extends Error {
  override readonly name = 'RedisRefusal';
  /** Its first word. */
  get code(): string {
    return this.message.split(' ', 1)[0] ?? '';
  }
}

/** One connection. Whatever is no answer of Redis' own (network, a server that starts) is UNKNOWN. */
export interface RedisLink {
  readonly place: RedisPlace;
  readonly label: string;
  call(...words: string[]): Promise<unknown>;
  /** True where Redis takes them, false where it says that they are wrong. */
  logIn(login: RedisLogin): Promise<boolean>;
  close(): void;
}

/** Connected, and nobody yet. */
export async function openLink(place: RedisPlace, { name, tls }: LinkOptions): Promise<RedisLink> {
  const { Redis } = await import('ioredis');
  const label = shownPlace(place);
  const client = new Redis({
    ...('socket' in place ? { path: place.socket } : { host: place.host, port: place.port }),
    ...('tls' in place && place.tls ? { tls: tlsOptions(tls) } : {}),
    lazyConnect: true,
    // Login and name are ours to give: what is refused there must reach us as it was said.
    protocol: 2,
    disableClientInfo: true,
    enableReadyCheck: false,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    retryStrategy: () => null,
    maxRetriesPerRequest: 0,
    connectTimeout: TIMEOUT_MS,
    commandTimeout: TIMEOUT_MS,
  });
  // ioredis says "Connection is closed."; why, its event says.
  let why: Error | undefined;
  client.on('error', (error: Error) => {
    why = error;
  });
  const away = (error: unknown) => unknown(`What ${label} holds`, cleaned(why ?? error));
  const call = async (...[command = '', ...words]: string[]): Promise<unknown> => {
    try {
      return await client.call(command, words);
    } catch (error) {
      const { name: kind, message } = error as Error;
      if (kind === 'ReplyError' && !NO_ANSWER.test(message)) throw new RedisRefusal(message);
      throw away(error);
    }
  };
  try {
    await client.connect();
  } catch (error) {
    client.disconnect();
    throw away(error);
  }
  return {
    place,
    label,
    call,
    close: () => client.disconnect(),
    async logIn({ user, password }) {
      try {
        // Without a password it is who a connection is by itself.
        if (password || user !== DEFAULT_USER) await call('AUTH', user, password?.reveal() ?? '');
        await call('PING');
      } catch (error) {
        if (error instanceof RedisRefusal && /^(WRONGPASS|NOAUTH|ERR invalid password)/.test(error.message))
          return false;
        throw error;
      }
      await call('CLIENT', 'SETNAME', name).catch((error) => {
        // A user without that right is counted under no name.
        if (!(error instanceof RedisRefusal)) throw error;
      });
      return true;
    },
  };
}

/** ioredis hangs what was sent on its errors. */
function cleaned(error: unknown): Error {
  const { message, code } = error as NodeJS.ErrnoException;
  return new Error(message || code || 'it does not answer');
}

function tlsOptions(files: LinkOptions['tls'] = {}) {
  const read = (file: string | undefined) => (file === undefined ? undefined : readFileSync(file, 'utf8'));
  const { ca, cert, key } = { ca: read(files.ca), cert: read(files.cert), key: read(files.key) };
  return { ...(ca ? { ca } : {}), ...(cert ? { cert } : {}), ...(key ? { key } : {}) };
}
