import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { bareEnvironment } from '@drydock/kit/testing';

export interface Counted {
  done: number;
  failed: string[];
}

/** Two processes, as a product's instances: started again one after the other, the next one before the last has gone. */
export async function startWorkers(
  url: string,
  { perSecond, instances = 2 }: { perSecond: number; instances?: number },
) {
  const counted: Counted = { done: 0, failed: [] };
  const start = async (at: string): Promise<ChildProcess> => {
    const env = bareEnvironment({ REDIS_URL: at, PER_SECOND: String(perSecond / instances) });
    const child = fork(join(import.meta.dirname, '../fixtures/redis-worker.ts'), { env });
    await once(child, 'message');
    return child;
  };
  const stop = async (child: ChildProcess) => {
    const answered = once(child, 'message');
    child.kill('SIGTERM');
    const [{ done, failed }] = (await answered) as [Counted];
    counted.done += done;
    counted.failed.push(...failed);
    await once(child, 'exit');
  };
  const running = await Promise.all(Array.from({ length: instances }, () => start(url)));
  return {
    async restart(at: string) {
      for (const [n, before] of running.entries()) {
        running[n] = await start(at);
        await stop(before);
      }
    },
    async stop(): Promise<Counted> {
      await Promise.all(running.map(stop));
      return counted;
    },
  };
}
