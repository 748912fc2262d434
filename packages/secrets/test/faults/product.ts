// A stand-in for a product that runs: it is started again by the command of `secrets.redeploy`, and is asked all the while whether it works.
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';

const EVERY_MS = 50;
const REDEPLOY = join(import.meta.dirname, '../fixtures/redeploy-to.mjs');

export type Held = Record<string, string>;

export interface StandIn {
  url: string;
  /** What it was started with last. */
  runsWith: Held;
  /** Every value that it was ever started with. */
  all: Held[];
  /** Answers what is asked of it, as it was started last. */
  serve(answers: (held: Held) => RequestListener): void;
  /** Program and arguments that start it again. */
  command(variables: readonly string[]): string[];
  stop(): void;
}

export async function startStandIn(held: Held): Promise<StandIn> {
  let answersOf: (held: Held) => RequestListener = () => (_, response) => void response.writeHead(404).end();
  const server = createServer((request, response) => {
    if (request.method !== 'POST' || request.url !== '/_start') return answer(request, response);
    void text(request).then((body) => {
      start({ ...standIn.runsWith, ...JSON.parse(body) });
      response.end();
    });
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  // A test that has failed does not wait for it.
  server.unref();
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  let answer = answersOf(held);
  const standIn: StandIn = {
    url,
    runsWith: held,
    all: [held],
    serve(answers) {
      answersOf = answers;
      answer = answersOf(standIn.runsWith);
    },
    command: (variables) => [process.execPath, REDEPLOY, `${url}/_start`, ...variables],
    stop() {
      server.closeAllConnections();
      server.close();
    },
  };
  const start = (next: Held) => {
    standIn.runsWith = next;
    standIn.all.push(next);
    answer = answersOf(next);
  };
  return standIn;
}

/** Asks again and again until `stop`, which tells when it did not work. */
export function watch(works: () => Promise<boolean>): { stop(): Promise<string[]> } {
  const failed: string[] = [];
  let going = true;
  const asking = (async () => {
    for (; going; await sleep(EVERY_MS)) {
      const at = new Date().toISOString();
      const good = await works().catch((error: Error) => error);
      if (good !== true) failed.push(`${at} ${good === false ? 'refused' : good}`);
    }
  })();
  return {
    async stop() {
      going = false;
      await asking;
      return failed;
    },
  };
}
