import { sampleRounds } from '@drydock/kit/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { HealthConfig } from '../../src/config/health.ts';
import type { Line } from '../pages.ts';
import { editLooks, mergePages, withPage } from '../pages.ts';
import { fromZero, livedBefore } from '../pasts.ts';
import { type Recorded, readRecording } from '../recorded/recordings.ts';
import { REPLAYED, replay, said } from '../recorded/replay.ts';
import { mulberry } from '../traffic.ts';

const test = suite('200 scrapes with faults');
const ROUNDS = 200;

const GOOD = ['steady', 'many-collections', 'cold-at-first'];
const BAD = ['errors-for-30-s', 'slow-route', 'cold-cache', 'too-many-requests', 'leak'];
const recordings = new Map([...GOOD, ...BAD, 'restart'].map((name) => [name, readRecording(name)]));
const LOOKS = 31;

/** `unknown`: what is on the pages allows more than one answer. */
type Truth = 'good' | 'bad' | 'unknown';
type Metrics = Partial<HealthConfig['metrics']>;

interface Round {
  looks: Recorded[];
  truth: Truth;
  /** What was recorded is all good, whatever became of the pages. */
  fine?: boolean;
  metrics?: Metrics;
  what: string;
}

interface Dice {
  share(): number;
  /** From 0 to below. */
  below(most: number): number;
  one<T>(of: readonly T[]): T;
}

interface Base {
  name: string;
  truth: 'good' | 'bad';
  looks: Recorded[];
  fine: boolean;
}

function diceOf(seed: number): Dice {
  const share = mulberry(seed * 7_919);
  const below = (most: number) => Math.floor(share() * most);
  return { share, below, one: (of) => of[below(of.length)] as (typeof of)[number] };
}

function recording(name: string): Base {
  const fine = !BAD.includes(name);
  return { name, truth: fine ? 'good' : 'bad', fine, looks: recordings.get(name) ?? [] };
}

function anyBase(dice: Dice): Base {
  return recording(dice.one(dice.share() < 0.5 ? GOOD : BAD));
}

/** All good, or all bad in one way: what they are together is what each is. */
function basesAlike(dice: Dice, count: number): Base[] {
  const first = anyBase(dice);
  return Array.from({ length: count }, () => (first.truth === 'bad' ? first : recording(dice.one(GOOD))));
}

/** Which of several answers at each look; every one comes back at least once. */
function turns(dice: Dice, count: number): number[] {
  const length = 1 + dice.below(4);
  const random = dice.share() < 0.5;
  return Array.from({ length: LOOKS }, (_, at) =>
    random && at >= count * 2 ? dice.below(count) : Math.floor(at / (random ? 1 : length)) % count,
  );
}

/** Never the same for two, who would be one. */
const PASTS = [0, 0.5, 3, 40, 900];

function behindOneAddress(dice: Dice, starts: (number | null)[]): Round {
  const bases = starts.map(() => anyBase(dice));
  const first = dice.below(PASTS.length);
  const all = bases.map(({ looks }, at) =>
    livedBefore(looks, starts[at] ?? null, PASTS[(first + at) % PASTS.length] ?? 0, dice.one([0, 40, 500, 5_000])),
  );
  const order = turns(dice, starts.length);
  const looks = order.map((which, at) => ({
    ...(all[0]?.[at] as Recorded),
    metrics: all[which]?.[at]?.metrics ?? null,
  }));
  return { looks, truth: 'unknown', fine: bases.every(({ fine }) => fine), what: `in turn ${order.join('')}` };
}

const startOf = (looks: readonly Recorded[]) => Math.floor((looks[0]?.at ?? 0) / 1_000);
/** The clock of all recordings of a round is that of the first. */
const BEGAN = startOf(recordings.get('steady') ?? []);

/** Several instances, each asked at its own address; `has` says which answer at a look. */
function merged(all: Recorded[][], has: (instance: number, look: number) => boolean): Recorded[] {
  return Array.from({ length: LOOKS }, (_, at) => {
    const pages = all.flatMap((looks, instance) => {
      const body = has(instance, at) ? looks[at]?.metrics?.body : undefined;
      return body === undefined ? [] : [[`10.0.0.${instance}:80`, body] as const];
    });
    return withPage(all[0]?.[at] as Recorded, mergePages(Object.fromEntries(pages)));
  });
}

/** A series that has counted something, of what the gate looks at. */
const LOOKED_AT: ((line: Line) => boolean)[] = [
  ({ name }) => name === 'cache_hits_total',
  ({ name }) => name === 'cache_misses_total',
  ({ name }) => name === 'process_cpu_seconds_total',
  ({ name, labels }) =>
    name === 'http_request_duration_seconds_bucket' && labels.route === '/api/jobs' && labels.le === '0.4',
  ({ name, labels }) =>
    name === 'http_request_duration_seconds_bucket' && labels.route === '/api/jobs' && labels.le === '+Inf',
  ({ name, labels }) => name === 'nodejs_gc_duration_seconds_sum' && labels.kind === 'minor',
];
const ofJobs = ({ labels }: Line) => labels.route === '/api/jobs' && labels.method === 'GET' && labels.status === '200';

const KINDS: Record<string, (dice: Dice) => Round> = {
  'nothing wrong with the pages': (dice) => ({ ...anyBase(dice), what: 'as recorded' }),
  'a restart': () => ({ ...recording('restart'), what: 'as recorded' }),
  'a label that does not exist': (dice) => {
    const errors = `http_request_duration_seconds_count{${dice.one(['code', 'status_code', 'http_status', 'Status'])}${dice.one(['=~"5.."', '="500"', '=~"5[0-9]+"'])}}`;
    return { ...anyBase(dice), truth: 'unknown', metrics: { errors }, what: errors };
  },
  'a value that cannot be': (dice) => {
    const errors = `http_request_duration_seconds_count{status${dice.one(['="5xx"', '="5XX"', '=~"5xx|5XX"', '="error"', '=~"50[a-z]"', '=~"5"', '="50"', '=~"6.."', '!~"[1-5].."'])}}`;
    return { ...anyBase(dice), truth: 'unknown', metrics: { errors }, what: errors };
  },
  'a selector that is right': (dice) => {
    const errors = `http_request_duration_seconds_count{status=~"5..",route!~"/metrics"}`;
    return { ...anyBase(dice), metrics: { errors }, what: errors };
  },
  'a label on another metric': (dice) => {
    const [key, selector] = dice.one([
      ['cacheHits', 'cache_hits_total{result="hit"}'],
      ['blocks', 'rate_limit_blocks_total{route="/api/jobs"}'],
      ['cpu', 'process_cpu_seconds_total{mode="user"}'],
      ['gc', 'nodejs_gc_duration_seconds{type="major"}'],
      ['requests', 'http_request_duration_seconds{uri="/api/jobs"}'],
    ] as const);
    return { ...anyBase(dice), truth: 'unknown', metrics: { [key]: selector }, what: selector };
  },
  'two behind one address': (dice) =>
    behindOneAddress(dice, [BEGAN - 60 - dice.below(90_000), BEGAN - 90_100 - dice.below(900_000)]),
  'three behind one address, all young': (dice) =>
    behindOneAddress(dice, [BEGAN - 20 - dice.below(3), BEGAN - 12 - dice.below(3), BEGAN - 4 - dice.below(2)]),
  'two behind one address, without a start time': (dice) => behindOneAddress(dice, [null, null]),
  'two behind one address, of one second': (dice) => behindOneAddress(dice, [BEGAN - 500, BEGAN - 500]),
  'no +Inf': (dice) => {
    const base = anyBase(dice);
    const whole = dice.share() < 0.5;
    const since = dice.below(LOOKS - 1);
    const drops = (line: Line) => line.labels.le === '+Inf' && (whole || ofJobs(line));
    const looks = editLooks(base.looks, (line, at) => (at >= since && drops(line) ? undefined : line));
    return { looks, truth: 'unknown', fine: base.fine, what: `${base.name} since ${since}` };
  },
  'a _count that is not the last bucket': (dice) => {
    const base = anyBase(dice);
    const by = dice.one([1.01, 1.25, 0.5, Number.NaN]);
    const looks = editLooks(base.looks, (line) =>
      line.name === 'http_request_duration_seconds_count' && ofJobs(line)
        ? { ...line, value: Math.round(Number(line.value) * by) }
        : line,
    );
    return { looks, truth: 'unknown', fine: base.fine, what: `${base.name} by ${by}` };
  },
  'a counter that is gone, or fell': (dice) => {
    const base = anyBase(dice);
    const which = dice.one(LOOKED_AT);
    const from = 2 + dice.below(LOOKS - 4);
    const until = from + dice.one([1, 1, 3, LOOKS]);
    const how = dice.one(['gone', 'zero', 'NaN', 'lower']);
    const looks = editLooks(base.looks, (line, at) => {
      if (!which(line) || at < from || at >= until || !(Number(line.value) > 0)) return line;
      if (how === 'gone') return undefined;
      return { ...line, value: how === 'zero' ? 0 : how === 'NaN' ? 'NaN' : Number(line.value) * 0.3 };
    });
    return {
      looks,
      truth: 'unknown',
      what: `${base.name}: ${how}, ${LOOKED_AT.indexOf(which)} from ${from} until ${until}`,
    };
  },
  'counters that begin again in one process': (dice) => {
    const base = anyBase(dice);
    const from = 3 + dice.below(LOOKS - 6);
    const again = fromZero(base.looks.slice(from), 0);
    const looks = base.looks.map((look, at) => {
      if (at < from) return look;
      const start = /^process_start_time_seconds .*$/m.exec(look.metrics?.body ?? '')?.[0] ?? '';
      return withPage(look, (again[at - from]?.metrics?.body ?? '').replace(/^process_start_time_seconds .*$/m, start));
    });
    return { looks, truth: 'unknown', fine: base.fine, what: `${base.name} from ${from}` };
  },
  'bounds that are written in another way': (dice) => {
    const base = anyBase(dice);
    const from = dice.below(LOOKS);
    const other: Record<string, string> = { 1: '1.0', 5: '5.0', 10: '1e1', '0.4': '4e-1', '0.1': '0.10', '0.3': '.3' };
    const looks = editLooks(base.looks, (line, at) => {
      const { le } = line.labels;
      return at >= from && le !== undefined ? { ...line, labels: { ...line.labels, le: other[le] ?? le } } : line;
    });
    return { looks, truth: base.truth, what: `${base.name} from ${from}` };
  },
  'scaling out': (dice) => {
    const bases = basesAlike(dice, 2 + dice.below(3));
    const at = 3 + dice.below(20);
    const old = 1 + dice.below(bases.length - 1);
    const all = bases.map(({ looks }, instance) =>
      instance < old
        ? livedBefore(looks, BEGAN - 100, 0, 0)
        : [
            ...looks.slice(0, at),
            ...fromZero(looks.slice(at - 1), Math.floor((bases[0]?.looks[at]?.at ?? 0) / 1_000)).slice(1),
          ],
    );
    const looks = merged(all, (instance, look) => instance < old || look >= at);
    return {
      looks,
      truth: bases[0]?.truth ?? 'good',
      what: `${bases.map(({ name }) => name)} ${old} and more at ${at}`,
    };
  },
  'an instance that does not always answer': (dice) => {
    const bases = basesAlike(dice, 2);
    const away = Array.from({ length: LOOKS }, () => dice.share() < 0.4);
    const all = bases.map(({ looks }) => livedBefore(looks, BEGAN - 100, 2, 0));
    const looks = merged(all, (instance, look) => instance === 0 || !away[look]);
    return { looks, truth: bases[0]?.truth ?? 'good', what: `${bases.map(({ name }) => name)}` };
  },
  'instances with other buckets': (dice) => {
    const bases = basesAlike(dice, 2);
    const dropped = ['0.025', '0.1', '0.3', '0.6', '2.5'].filter(() => dice.share() < 0.5);
    const all = bases.map(({ looks }, instance) =>
      editLooks(livedBefore(looks, BEGAN - 100, 1, 0), (line) =>
        instance === 1 && dropped.includes(line.labels.le ?? '') ? undefined : line,
      ),
    );
    return {
      looks: merged(all, () => true),
      truth: bases[0]?.truth ?? 'good',
      what: `${bases.map(({ name }) => name)} less ${dropped}`,
    };
  },
};

const tally = {
  passes: [] as string[],
  fails: [] as string[],
  unsure: [] as string[],
  seen: new Map<string, number>(),
};
test(`${ROUNDS} rounds of them: nothing passes that is bad or cannot be known, and nothing good fails`, async () => {
  const kinds = Object.entries(KINDS);
  const all = Array.from({ length: ROUNDS }, (_, round) => round);
  for (const round of sampleRounds(all, 4 * kinds.length)) {
    const [kind, make] = kinds[round % kinds.length] as (typeof kinds)[number];
    const { looks, truth, fine = truth === 'good', metrics, what } = make(diceOf(round));
    const result = await replay(looks, { ...REPLAYED, metrics: { ...REPLAYED.metrics, ...metrics } });
    const { verdict } = result;
    const told = `round ${round}, ${kind} (${what}; ${truth}): ${said(result)}`;
    tally.seen.set(`${truth} ${verdict}`, (tally.seen.get(`${truth} ${verdict}`) ?? 0) + 1);
    if (verdict === 'pass' && truth !== 'good') tally.passes.push(told);
    if (verdict === 'fail' && fine) tally.fails.push(told);
    if (verdict === 'inconclusive' && truth === 'good') tally.unsure.push(told);
  }
  assert.equal(tally.passes, []);
  assert.equal(tally.fails, []);
  assert.equal(tally.unsure, []);
});

test('there were enough of each to tell', () => {
  const count = (truth: Truth) =>
    [...tally.seen].filter(([key]) => key.startsWith(truth)).reduce((sum, [, n]) => sum + n, 0);
  assert.ok(count('good') >= 10 && count('bad') >= 10 && count('unknown') >= 40, JSON.stringify([...tally.seen]));
});

test.run();
