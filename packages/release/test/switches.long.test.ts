// Uses HAProxy and runit: what people notice of many switches. 300 requests a second on kept connections, some of them idle, uploads of ten
// seconds, and a stream of events.
import { Agent, type IncomingMessage, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { THOROUGH } from '@drydock/kit/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { progress, released } from './driver-contract.ts';
import { type LocalBed, makeLocalBed } from './local-bed.ts';

const test = suite('switches under load');
const SWITCHES = THOROUGH ? 50 : 5;
const PER_SECOND = 300;
const UPLOAD_MS = 10_000;
const IDLE_MS = 6_000;

let bed: LocalBed;
test.before(async () => {
  bed = await makeLocalBed({ local: { instances: 2 }, app: { drainTimeoutMs: 15_000 } });
});
test.after(() => bed.stop());

class People {
  readonly failed: string[] = [];
  readonly took: number[] = [];
  requests = 0;
  uploads = 0;
  streams = 0;
  going = true;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 100 });
  readonly #idle = new Agent({ keepAlive: true, maxSockets: 1 });

  #ask(kind: string, path: string, agent: Agent | undefined, send?: (write: (text: string) => void) => Promise<void>) {
    return new Promise<void>((done) => {
      const began = performance.now();
      const fail = (why: string) => {
        // We end it ourselves when all is over.
        if (this.going || kind !== 'stream') this.failed.push(`${kind}: ${why}`);
        done();
      };
      const options = { method: send ? 'POST' : 'GET', ...(agent ? { agent } : {}) };
      const asked = request(bed.url + path, options, (answer: IncomingMessage) => {
        answer.resume();
        if (answer.statusCode !== 200) this.failed.push(`${kind}: ${answer.statusCode}`);
        answer.once('error', (error) => fail(error.message));
        answer.once('end', () => {
          if (kind === 'request') this.took.push(performance.now() - began);
          done();
        });
        if (kind === 'stream') this.#stop = () => asked.destroy();
      });
      asked.setTimeout(30_000, () => asked.destroy(new Error('no answer within 30 s')));
      asked.once('error', (error) => fail(error.message));
      if (send) void send((text) => void asked.write(text)).then(() => asked.end());
      else asked.end();
    });
  }
  #stop = () => {};

  /** Each at its time, whether those before it were answered or not. */
  async come(): Promise<void> {
    const all: Promise<void>[] = [];
    const began = performance.now();
    const while_ = async (work: () => Promise<void>) => {
      while (this.going) await work();
    };
    all.push(
      while_(async () => {
        this.uploads += 1;
        await this.#ask('upload', '/', undefined, async (write) => {
          for (let ms = 0; ms < UPLOAD_MS && this.going; ms += 500) {
            write('x'.repeat(1_000));
            await sleep(500);
          }
        });
      }),
      // One that ends with its version is opened again, as a browser does.
      while_(async () => {
        this.streams += 1;
        await this.#ask('stream', '/events', undefined);
      }),
      while_(async () => {
        await this.#ask('idle', '/', this.#idle);
        for (let ms = 0; ms < IDLE_MS && this.going; ms += 100) await sleep(100);
      }),
    );
    while (this.going) {
      while (this.requests < ((performance.now() - began) / 1_000) * PER_SECOND) {
        this.requests += 1;
        all.push(this.#ask('request', '/', this.#agent));
      }
      await sleep(5);
    }
    this.#stop();
    await Promise.all(all);
    this.#agent.destroy();
    this.#idle.destroy();
  }
}

const p99 = (took: number[]) => took.toSorted((a, b) => a - b)[Math.floor(took.length * 0.99)] ?? 0;

test(`${SWITCHES} switches fail no request`, async () => {
  await released(bed.driver, await bed.artifact('v0'));
  const people = new People();
  const coming = people.come();
  await sleep(5_000);
  const before = people.took.splice(0);
  const during: number[] = [];
  for (let n = 1; n <= SWITCHES; n++) {
    const { live } = await bed.driver.inspect();
    const next = await bed.driver.stage(await bed.artifact(`v${n}`), progress);
    await bed.driver.waitReady(next, progress);
    const mark = people.took.length;
    await bed.driver.shift(next);
    await sleep(500);
    during.push(...people.took.slice(mark));
    if (live) await bed.driver.retire(live);
  }
  people.going = false;
  await coming;
  const { requests, uploads, streams, failed } = people;
  console.log(
    `    ${SWITCHES} switches: ${requests} requests, ${uploads} uploads, ${streams} streams, ${failed.length} failed; p99 ${p99(before).toFixed(0)} ms before, ${p99(during).toFixed(0)} ms in a switch`,
  );
  assert.equal(failed, []);
});

test.run();
