import { setTimeout as sleep } from 'node:timers/promises';
import { withPostgres } from '../postgres.ts';
import { Secret } from '../secret.ts';

/**
 * How long, in ms, sessions that `where` describes (by columns of pg_stat_activity) live after `ended`; the first wait is for one to be
 * there. `begun` is called then.
 */
export async function outlives(
  url: string,
  where: string,
  { begun, ended }: { begun: () => Promise<void> | void; ended: Promise<unknown> },
): Promise<number> {
  return withPostgres(new Secret(url), 'test', async (client) => {
    const isThere = async () =>
      (await client.query(`SELECT FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND ${where}`)).rowCount !== 0;
    const until = async (wanted: boolean, bound: number) => {
      for (const end = performance.now() + bound; performance.now() < end; await sleep(10))
        if ((await isThere()) === wanted) return;
      throw new Error(`after ${bound} ms: a session with ${where} is ${wanted ? 'not there' : 'still there'}`);
    };
    await Promise.race([
      until(true, 60_000),
      ended.then((how) => Promise.reject(new Error(`it ended before: ${JSON.stringify(how)}`))),
    ]);
    await begun();
    await ended;
    const since = performance.now();
    await until(false, 20_000);
    return performance.now() - since;
  });
}
