import { setTimeout as sleep } from 'node:timers/promises';
import { wilson } from '@drydock/health';
import { command, type Environment, type LoadedConfig, OpsError, toOpsError } from '@drydock/kit';
import { releaseConfig } from './config.ts';
import { errorLine } from './driver/log.ts';
import type { Deployment, Driver, InstanceState } from './driver/types.ts';
import { type Answered, answeredBetween } from './proxy/counted.ts';
import type { Haproxy, ServerCounts } from './proxy/haproxy.ts';

const LOOK_MS = 1_000;
/** A proxy that starts again, or a host that is busy, is not the new version's fault. */
const BLIND_LOOKS = 5;
/** Fewer failures than this are nobody's habit. */
const LEAST_FAILED = 3;
const LEAST_TIMED = 30;
const LEAST_SLOWER_MS = 100;
/** Written into its log by its supervisor. */
const ENDED = 'drydock: ended ';
/** One-sided 95 % of the normal distribution. */
const SURE = 1.645;

/** Who takes the traffic now, and who did before. */
export interface Turn {
  instance: Deployment;
  previous: Deployment | null;
}

/**
 * A new version at work, by what the proxy counts and whether its processes stay: nothing of it asks the product for metrics. Each
 * look that finds something throws VERSION_NOT_WELL.
 */
export class Watch {
  readonly #settings: ReturnType<typeof releaseConfig>['watch'];
  readonly #environment: Environment;
  readonly #driver: Driver;
  readonly #proxy: Pick<Haproxy, 'counts'>;
  readonly #turn: Turn;
  #from: ServerCounts[] = [];
  #answered: Answered = { requests: 0, failed: 0, meanMs: undefined };
  #before: Answered = { requests: 0, failed: 0, meanMs: undefined };
  #unready = new Set<string>();
  #blind = 0;

  constructor(
    config: LoadedConfig,
    environment: Environment,
    { driver, proxy, turn }: { driver: Driver; proxy: Pick<Haproxy, 'counts'>; turn: Turn },
  ) {
    this.#settings = releaseConfig(config).watch;
    this.#environment = environment;
    this.#driver = driver;
    this.#proxy = proxy;
    this.#turn = turn;
  }

  get answered(): Answered {
    return this.#answered;
  }

  /** Looks every second while `work` goes on; what is found ends both. */
  async during<T>(
    work: (signal: AbortSignal) => Promise<T>,
    { signal, onLook = () => {} }: { signal: AbortSignal; onLook?: (answered: Answered) => void },
  ): Promise<T> {
    const { instance, previous } = this.#turn;
    this.#from = await this.#proxy.counts(instance.slot);
    // It gets nothing any more: all that the proxy has counted of it.
    if (previous) this.#before = answeredBetween([], await this.#proxy.counts(previous.slot));
    const over = new AbortController();
    const both = AbortSignal.any([signal, over.signal]);
    const looking = this.#looking(both, onLook);
    const working = work(both);
    try {
      const found = looking.then(() => new Promise<never>(() => {}));
      return await Promise.race([working, found]);
    } finally {
      over.abort();
      await Promise.allSettled([looking, working]);
    }
  }

  /** On average over all that it has answered meanwhile: a first answer is slow in many a program. */
  refuseSlow(): void {
    const { meanMs, requests } = this.#answered;
    const { meanMs: beforeMs, requests: beforeRequests } = this.#before;
    if (meanMs === undefined || beforeMs === undefined || Math.min(requests, beforeRequests) < LEAST_TIMED) return;
    if (meanMs <= beforeMs * this.#settings.slower || meanMs <= beforeMs + LEAST_SLOWER_MS) return;
    throw this.#notWell(
      `takes ${Math.round(meanMs)} ms to answer on average, and the version before ${Math.round(beforeMs)} ms: at most ${this.#settings.slower} times that is allowed (release.watch.slower)`,
    );
  }

  async #looking(signal: AbortSignal, onLook: (answered: Answered) => void): Promise<void> {
    while (!signal.aborted) {
      try {
        await sleep(LOOK_MS, undefined, { signal });
      } catch {
        return;
      }
      const seen = await this.#look();
      if (signal.aborted) return;
      if (seen) {
        await this.#judge(seen);
        onLook(this.#answered);
      }
    }
  }

  async #look(): Promise<InstanceState[] | undefined> {
    const { instance } = this.#turn;
    try {
      const [counts, instances] = await Promise.all([
        this.#proxy.counts(instance.slot),
        this.#driver.instances(instance),
      ]);
      this.#answered = answeredBetween(this.#from, counts);
      this.#blind = 0;
      return instances;
    } catch (thrown) {
      this.#blind += 1;
      if (this.#blind > BLIND_LOOKS) throw toOpsError(thrown);
      return undefined;
    }
  }

  async #judge(instances: readonly InstanceState[]): Promise<void> {
    const restarted = instances.find(({ restarts = 0, running }) => restarts > 0 || !running);
    if (restarted) throw this.#notWell(`does not stay: ${restarted.name} has ended${await this.#lastWords(restarted)}`);
    const unready = instances.filter(({ ready }) => !ready);
    // Twice in a row: one slow answer is no sign of anything.
    const still = unready.find(({ name }) => this.#unready.has(name));
    if (still) throw this.#notWell(`is not ready any more: ${still.name} ${still.detail}`);
    this.#unready = new Set(unready.map(({ name }) => name));
    this.#refuseFailing();
  }

  #refuseFailing(): void {
    const { requests, failed } = this.#answered;
    const before = shareOf(this.#before);
    const allowed = before + this.#settings.errors;
    if (failed < LEAST_FAILED || wilson(failed, requests, SURE).lower <= allowed) return;
    throw this.#notWell(
      `fails ${failed} of ${requests} requests (${percent(failed / requests)}): at most ${percent(allowed)} is allowed (${percent(before)} of the version before, and release.watch.errors)`,
    );
  }

  async #lastWords({ name }: InstanceState): Promise<string> {
    const lines: string[] = [];
    const options = { lines: 100, follow: false, signal: AbortSignal.timeout(LOOK_MS) };
    for await (const line of this.#driver.logs(this.#turn.instance, options)) {
      // Its name and the time stand before it.
      if (line.startsWith(`${name} `)) lines.push(line.slice(name.length + 1).replace(/^\d{4}-\d\d-\d\d\S* /, ''));
    }
    const at = lines.findLastIndex((line) => line.startsWith(ENDED));
    const how = at < 0 ? '' : ` ${lines[at]?.slice(ENDED.length).split(';')[0]}`;
    const said = errorLine(at < 0 ? lines : lines.slice(0, at));
    return `${how}${said ? `, and its last words were: ${said}` : ''}`;
  }

  #notWell(what: string): OpsError {
    const { version, slot } = this.#turn.instance;
    return new OpsError({
      code: 'VERSION_NOT_WELL',
      message: `Version ${version} on ${this.#environment.name} ${what}.`,
      hint: command('release:logs', { slot }),
    });
  }
}

function shareOf({ failed, requests }: Answered): number {
  return requests > 0 ? failed / requests : 0;
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}
