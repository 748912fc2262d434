import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { parseMetrics } from '../src/metrics/parse.ts';
import type { Scrape } from '../src/metrics/scrape.ts';

/** Of what prom-client writes, what a product like the marketplace has; with numbers whose truth is known. */
export interface Behaviour {
  requestsPerSecond: number;
  /** Median and spread (sigma of the logarithm) of durations, in seconds, by route. */
  routes: Record<string, { share: number; median: number; sigma: number }>;
  errorShare: number;
  hitShare: number;
  /** Look-ups in the cache per request of /api/jobs; 0 is a cache that is away. */
  lookups: number;
  blockShare: number;
  cpu: number;
  /** Bytes of garbage that reach old space, and bytes that never leave it, per second. */
  garbage: number;
  leak: number;
  gcSecondsPerMajor: number;
  /** Bytes that old space may grow to: near it, collections are many and free little. */
  heapLimit?: number;
}

export const STEADY: Behaviour = {
  requestsPerSecond: 20,
  routes: {
    '/api/jobs': { share: 0.6, median: 0.08, sigma: 0.6 },
    '/api/jobs/:id': { share: 0.3, median: 0.03, sigma: 0.6 },
    '/': { share: 0.1, median: 0.1, sigma: 0.5 },
  },
  errorShare: 0.001,
  hitShare: 0.7,
  lookups: 1,
  blockShare: 0.002,
  cpu: 0.3,
  garbage: 400_000,
  leak: 0,
  gcSecondsPerMajor: 0.03,
};

const BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.4, 0.6, 1, 2.5, 5, 10];
const MIB = 1_048_576;

/** A product that is not there: it is told how to behave, second by second, and is scraped like a real one. */
export class FakeProduct {
  /** Every duration of a route since the last `forget()`: the truth that buckets only hint at. */
  truth: number[] = [];
  readonly random: () => number;
  #now: number;
  #process: Process;

  constructor(seed: number, startAt = 1_800_000_000_000) {
    this.random = mulberry(seed);
    this.#now = startAt;
    this.#process = new Process(startAt - 3_600_000);
  }

  /** Milliseconds since 1970. */
  get now(): number {
    return this.#now;
  }

  run(seconds: number, behaviour: Behaviour): void {
    for (let second = 0; second < seconds; second++) {
      this.#now += 1_000;
      const requests = poisson(behaviour.requestsPerSecond, this.random);
      for (let i = 0; i < requests; i++) this.#request(behaviour);
      this.#process.live(behaviour, this.random);
    }
  }

  restart(): void {
    this.#process = new Process(this.#now);
  }

  async page(): Promise<string> {
    return this.#process.registry.metrics();
  }

  async scrape(): Promise<Scrape> {
    return parseMetrics(await this.page(), this.#now);
  }

  #request(behaviour: Behaviour): void {
    const { random } = this;
    let pick = random();
    const [route = '', shape] =
      Object.entries(behaviour.routes).find(([, { share }]) => {
        pick -= share;
        return pick < 0;
      }) ??
      Object.entries(behaviour.routes)[0] ??
      [];
    const { median = 0.1, sigma = 0.5 } = shape ?? {};
    const seconds = median * Math.exp(sigma * normal(random));
    const blocked = random() < behaviour.blockShare;
    const failed = !blocked && random() < behaviour.errorShare;
    const { requests, errors, hits, misses, blocks } = this.#process;
    requests.observe({ method: 'GET', route, status: blocked ? '429' : failed ? '500' : '200' }, seconds);
    if (route === '/api/jobs') this.truth.push(seconds);
    if (failed) errors.inc({ route });
    if (blocked) blocks.inc();
    if (route === '/api/jobs' && random() < behaviour.lookups) (random() < behaviour.hitShare ? hits : misses).inc();
  }
}

/** One process: its counters begin at zero. */
class Process {
  readonly registry = new Registry();
  readonly requests = new Histogram({
    name: 'http_request_duration_seconds',
    help: 'Duration',
    labelNames: ['method', 'route', 'status'],
    buckets: BUCKETS,
    registers: [this.registry],
  });
  readonly errors = this.#counter('http_errors_total', ['route']);
  readonly hits = this.#counter('cache_hits_total');
  readonly misses = this.#counter('cache_misses_total');
  readonly blocks = this.#counter('rate_limit_blocks_total');
  readonly #cpu = this.#counter('process_cpu_seconds_total');
  readonly #memory = this.#gauge('process_resident_memory_bytes');
  readonly #oldSpace = this.#gauge('nodejs_heap_space_size_used_bytes', ['space']);
  readonly #gc = new Histogram({
    name: 'nodejs_gc_duration_seconds',
    help: 'Collections',
    labelNames: ['kind'],
    buckets: [0.001, 0.01, 0.1, 1],
    registers: [this.registry],
  });
  #live = 40 * MIB;
  #used = 40 * MIB;
  #limit = 55 * MIB;

  constructor(startedAt: number) {
    this.#gauge('process_start_time_seconds').set(Math.floor(startedAt / 1_000));
  }

  live(
    { cpu, garbage, leak, gcSecondsPerMajor, heapLimit = Number.POSITIVE_INFINITY }: Behaviour,
    random: () => number,
  ): void {
    this.#cpu.inc(cpu * (0.8 + 0.4 * random()));
    this.#live += leak * (0.5 + random());
    this.#used += (garbage + leak) * (0.5 + random());
    this.#gc.observe({ kind: 'minor' }, 0.002);
    if (this.#used > Math.min(this.#limit, heapLimit)) {
      this.#used = this.#live * (0.98 + 0.04 * random());
      this.#limit = this.#used * 1.3 + 4 * MIB;
      this.#gc.observe({ kind: 'major' }, gcSecondsPerMajor);
    }
    this.#oldSpace.set({ space: 'old' }, this.#used);
    this.#memory.set(this.#used + 60 * MIB);
  }

  #counter(name: string, labelNames: string[] = []) {
    return new Counter({ name, help: name, labelNames, registers: [this.registry] });
  }

  #gauge(name: string, labelNames: string[] = []) {
    return new Gauge({ name, help: name, labelNames, registers: [this.registry] });
  }
}

/** T. Ettinger's mulberry32: the same seed brings the same traffic. */
export function mulberry(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

export function normal(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

function poisson(mean: number, random: () => number): number {
  const limit = Math.exp(-mean);
  let product = random();
  let count = 0;
  while (product > limit) {
    product *= random();
    count += 1;
  }
  return count;
}
