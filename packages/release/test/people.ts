// Who uses a product while it is released: in a thread of their own, so that what we do meanwhile does not count as its slowness.
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { Agent, type IncomingMessage, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';

export interface Coming {
  /** Requests a second on kept connections, each at its time, whether those before it were answered or not. */
  perSecond: number;
  path?: string;
  /** With a token: the first of a list that this variable of an env file holds, or the one that was it before, as long as that is in the list. */
  token?: { file: string; variable: string };
  /** One upload of ten seconds after another, a stream of events that is opened again when it ends, a connection that idles. */
  slow?: boolean;
}

export interface Asked {
  /** When it was to be sent, as Date.now() has it. */
  at: number;
  ms: number;
  /** The status; `-1` where no answer came. */
  status: number;
}

export interface Seen {
  asked: Asked[];
  uploads: number;
  streams: number;
  idle: number;
  /** What went wrong with those that are slow, in words. */
  slowFailed: string[];
}

const UPLOAD_MS = 10_000;
const IDLE_MS = 6_000;
const LONGEST_MS = 30_000;

/** They come until `stop`, which returns all that they saw. */
export function startPeople(url: string, coming: Coming): { stop(): Promise<Seen> } {
  const worker = new Worker(new URL(import.meta.url), { workerData: { url, coming } });
  // A test that has failed does not wait for them.
  worker.unref();
  return {
    async stop() {
      worker.ref();
      worker.postMessage('stop');
      const [seen] = (await once(worker, 'message')) as [Seen];
      await worker.terminate();
      return seen;
    },
  };
}

export interface Window {
  from: number;
  to: number;
}

export async function windowOf(work: () => Promise<unknown>): Promise<Window> {
  const from = Date.now();
  await work();
  return { from, to: Date.now() };
}

/** Milliseconds within which 99 of 100 requests were answered that were sent in one of these windows. */
export function p99(asked: readonly Asked[], windows: readonly Window[]): number {
  const times = asked.filter(({ at }) => windows.some(({ from, to }) => at >= from && at <= to)).map(({ ms }) => ms);
  return times.toSorted((a, b) => a - b)[Math.floor(times.length * 0.99)] ?? 0;
}

interface Ask {
  path: string;
  headers?: Record<string, string>;
  agent?: Agent;
  send?(write: (text: string) => void): Promise<void>;
  /** How to end what does not end. */
  onBegun?(end: () => void): void;
}

/** The status, or why there was none. */
function ask(url: string, { path, headers = {}, agent, send, onBegun }: Ask): Promise<number | string> {
  return new Promise((done) => {
    const asked = request(
      url + path,
      { method: send ? 'POST' : 'GET', headers, ...(agent ? { agent } : {}) },
      (answer: IncomingMessage) => {
        answer.resume();
        answer.once('error', (error) => done(error.message));
        answer.once('end', () => done(answer.statusCode ?? -1));
      },
    );
    asked.setTimeout(LONGEST_MS, () => asked.destroy(new Error(`no answer within ${LONGEST_MS} ms`)));
    asked.once('error', (error) => done(error.message));
    onBegun?.(() => asked.destroy());
    if (send) void send((text) => void asked.write(text)).then(() => asked.end());
    else asked.end();
  });
}

const READ_MS = 20;
const held = { at: 0, turn: 0, first: '', before: '' };

/** Of a plain env file. */
export function valueIn(file: string, variable: string): string {
  return new RegExp(`^${variable}='?([^'\n]*)`, 'm').exec(readFileSync(file, 'utf8'))?.[1] ?? '';
}

/** In turn, as half of those who have one have not heard of the new one yet. */
function tokenOf({ file, variable }: NonNullable<Coming['token']>): string {
  if (Date.now() - held.at > READ_MS) {
    const [first = '', ...more] = valueIn(file, variable).split(',');
    if (first !== held.first) Object.assign(held, { before: held.first, first });
    if (!more.includes(held.before)) held.before = '';
    held.at = Date.now();
  }
  held.turn += 1;
  return held.turn % 2 === 0 && held.before ? held.before : held.first;
}

async function come(
  url: string,
  { perSecond, slow = false, path = '/', token }: Coming,
  going: () => boolean,
): Promise<Seen> {
  const seen: Omit<Seen, 'asked'> = { uploads: 0, streams: 0, idle: 0, slowFailed: [] };
  const kept = new Agent({ keepAlive: true, maxSockets: 100 });
  const alone = new Agent({ keepAlive: true, maxSockets: 1 });
  let endStream = () => {};
  const repeat = async (kind: 'uploads' | 'streams' | 'idle', once: () => Promise<number | string>) => {
    while (going()) {
      seen[kind] += 1;
      const status = await once();
      if (status !== 200 && going()) {
        seen.slowFailed.push(`${kind}: ${status}`);
        await sleep(100);
      }
    }
  };
  const upload = () =>
    ask(url, {
      path: '/',
      async send(write) {
        for (let ms = 0; ms < UPLOAD_MS && going(); ms += 500) {
          write('x'.repeat(1_000));
          await sleep(500);
        }
      },
    });
  const stream = () =>
    ask(url, {
      path: '/events',
      onBegun(end) {
        endStream = end;
      },
    });
  const idle = async () => {
    const status = await ask(url, { path: '/', agent: alone });
    for (let ms = 0; ms < IDLE_MS && going(); ms += 100) await sleep(100);
    return status;
  };
  const others = slow ? [repeat('uploads', upload), repeat('streams', stream), repeat('idle', idle)] : [];
  const began = Date.now();
  const all: Promise<Asked>[] = [];
  const one = async (at: number): Promise<Asked> => {
    const headers = token ? { authorization: `Bearer ${tokenOf(token)}` } : {};
    const status = await ask(url, { path, headers, agent: kept });
    return { at, ms: Date.now() - at, status: typeof status === 'number' ? status : -1 };
  };
  while (going()) {
    while (all.length < ((Date.now() - began) / 1_000) * perSecond)
      all.push(one(began + (all.length / perSecond) * 1_000));
    await sleep(2);
  }
  endStream();
  await Promise.all(others);
  const asked = await Promise.all(all);
  kept.destroy();
  alone.destroy();
  return { ...seen, asked };
}

if (!isMainThread) {
  let going = true;
  parentPort?.once('message', () => {
    going = false;
  });
  const { url, coming } = workerData as { url: string; coming: Coming };
  void come(url, coming, () => going).then((seen) => parentPort?.postMessage(seen));
}
