import { once } from 'node:events';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';

export interface Asked {
  /** When it was to be sent, as Date.now() has it. */
  at: number;
  ms: number;
  ok: boolean;
}

/** Requests a second, each at its time, whether those before it were answered or not. */
const RATE = 100;

/** In a thread of its own: what the bench does meanwhile must not count as the product's slowness. `stop` returns all that was asked. */
export function startLoad(url: string): { stop(): Promise<Asked[]> } {
  const worker = new Worker(new URL(import.meta.url), { workerData: url });
  return {
    async stop() {
      worker.postMessage('stop');
      const [asked] = (await once(worker, 'message')) as [Asked[]];
      await worker.terminate();
      return asked;
    },
  };
}

function run(url: string): void {
  const began = Date.now();
  const all: Promise<Asked>[] = [];
  const ask = async (at: number): Promise<Asked> => {
    const ok = await fetch(url, { signal: AbortSignal.timeout(10_000) }).then(
      async (response) => response.ok && (await response.text()) !== '',
      () => false,
    );
    return { at, ms: Date.now() - at, ok };
  };
  const timer = setInterval(() => {
    while (all.length < ((Date.now() - began) / 1_000) * RATE) all.push(ask(began + (all.length / RATE) * 1_000));
  }, 2);
  parentPort?.once('message', () => {
    clearInterval(timer);
    void Promise.all(all).then((asked) => parentPort?.postMessage(asked));
  });
}

if (!isMainThread) run(workerData as string);
