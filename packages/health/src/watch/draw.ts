import { counted, type Painted, painted, type Style, type Text } from '@drydock/kit';
import type { Reading, ReadingState, Sample } from './sample.ts';
import { bar, sparkline } from './spark.ts';

/** What a look came to: a sample, or why there is none. */
export interface Look {
  at: number;
  sample: Sample | undefined;
  /** Why the metrics could not be read. */
  problem: string | undefined;
}

export interface Screen {
  title: string;
  everySeconds: number;
  /** What is wrong with the health endpoint's answer, or null; undefined before the first. */
  health: string | null | undefined;
  /** Oldest first. */
  looks: readonly Look[];
  /** Share of a core that looking costs. */
  cost: number;
}

const MARKS: Record<ReadingState, string> = { ok: ' ', over: '!', breach: '✖', unknown: '·' };
const STYLES: Record<ReadingState, Style> = {
  ok: 'green',
  over: 'yellow',
  breach: 'red',
  unknown: 'dim',
};
const BAR = 14;

/** The lines of a screen: an objective a line with value, bound, bar and course; marks say in words' stead what colour says. */
export function drawScreen(screen: Screen, { columns }: { columns: number }): Text[] {
  const { looks, title, health, everySeconds, cost } = screen;
  const last = looks.at(-1);
  const sample = looks.findLast((look) => look.sample)?.sample;
  const time = new Date(last?.at ?? Date.now()).toTimeString().slice(0, 8);
  return [
    [painted('bold', title), `  ${time}, every ${everySeconds} s`],
    healthLine(health),
    ...(last?.problem ? [[painted('red', '✖'), ` ${last.problem}`]] : []),
    ...(sample ? ['', ...readingLines(sample, looks, columns), '', ...footer(sample, looks, columns)] : ['']),
    painted(
      'dim',
      `! beyond the bound, ✖ beyond what luck explains; looking costs ${(cost * 100).toFixed(2)} % of a core`,
    ),
  ];
}

function healthLine(health: Screen['health']): Text {
  if (health === undefined) return painted('dim', '· health not asked yet');
  return health === null ? [painted('green', '✔'), ' healthy'] : [painted('red', '✖'), ` not healthy: ${health}`];
}

function readingLines(sample: Sample, looks: readonly Look[], columns: number): Text[] {
  const widths = {
    title: Math.max(...sample.readings.map(({ title }) => title.length)),
    shown: Math.max(...sample.readings.map(({ shown }) => shown.length)),
    wanted: Math.max(...sample.readings.map(({ wanted }) => wanted.length)),
  };
  const room = columns - 2 - widths.title - widths.shown - widths.wanted - BAR - 10;
  return sample.readings.map((reading) => {
    const { state, title, shown, wanted } = reading;
    const style = STYLES[state];
    const course = courseOf(reading.id, looks.slice(-Math.max(0, room)));
    const most = scaleOf(reading, course);
    return [
      painted(style, MARKS[state]),
      ` ${title.padEnd(widths.title)}  `,
      painted(style, shown.padStart(widths.shown)),
      `  ${wanted.padEnd(widths.wanted)}  `,
      painted(style, bar(reading.value, { most, bound: reading.bound, width: BAR })),
      '  ',
      ...drawn(course, most),
    ];
  });
}

function courseOf(id: string, looks: readonly Look[]): (Reading | undefined)[] {
  return looks.map(({ sample }) => sample?.readings.find((one) => one.id === id));
}

/** The bound stands at two thirds, or further left where values are far beyond it. */
function scaleOf({ bound, above }: Reading, course: readonly (Reading | undefined)[]): number {
  return above ? 1 : Math.max(bound * 1.5, ...course.map((one) => one?.value ?? 0));
}

function drawn(course: readonly (Reading | undefined)[], most: number): Painted[] {
  const values = course.map((one) => one?.value ?? null);
  return sparkline(values, most).map((char, at) => painted(STYLES[course[at]?.state ?? 'unknown'], char));
}

function footer(sample: Sample, looks: readonly Look[], columns: number): string[] {
  const breached = sample.readings.flatMap(({ id, title }) => {
    const all = courseOf(id, looks).filter((one) => one !== undefined);
    const count = all.filter(({ state }) => state === 'breach').length;
    return count > 0 ? [`${title} in ${count} of ${counted(all.length, 'look')}`] : [];
  });
  const memory = [
    sample.memoryBytes === null ? '' : `memory ${mebibytes(sample.memoryBytes)}`,
    sample.oldSpaceBytes === null ? '' : `old space ${mebibytes(sample.oldSpaceBytes)}`,
  ];
  const instances = `${sample.instances} ${sample.instances === 1 ? 'instance' : 'instances'}`;
  const facts = [`${sample.requestsPerSecond.toFixed(1)} requests/s`, instances, ...memory].filter(Boolean);
  const slowest = sample.routes
    .filter(({ p95 }) => p95 !== null)
    .sort((a, b) => (b.p95 ?? 0) - (a.p95 ?? 0))
    .slice(0, Math.max(1, Math.floor(columns / 40)))
    .map(({ route, p95, requests }) => `${route} ${Math.round((p95 ?? 0) * 1_000)} ms (${requests})`);
  return [
    facts.join(', '),
    ...(slowest.length > 0 ? [`slowest by p95: ${slowest.join(', ')}`] : []),
    ...(breached.length > 0 ? [`breached: ${breached.join('; ')}`] : []),
  ];
}

function mebibytes(bytes: number): string {
  return `${Math.round(bytes / 1_048_576)} MiB`;
}
