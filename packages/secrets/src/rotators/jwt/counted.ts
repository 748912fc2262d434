import { unknown } from '../../unknown.ts';
import type { JwtSecret } from './config.ts';

type Names = NonNullable<JwtSecret['metrics']>;

export interface Counted {
  /** Tokens verified with the key since the instance was started. */
  verified: number;
  /** When the last one was, as a Unix time; undefined: never, or it is not told. */
  lastAt: number | undefined;
}

const LABEL = /([a-zA-Z_]\w*)\s*=\s*"((?:[^"\\\n]|\\.)*)"/g;

/** What a page of metrics says of these keys. A counter that is not there is no zero: UNKNOWN. */
export function readCounted(
  text: string,
  kids: readonly string[],
  names: Names,
  who: string,
): ReadonlyMap<string, Counted> {
  const { verified, lastVerified } = names;
  const lines = text.split('\n');
  const there = lines.some((line) => line.startsWith(`# TYPE ${verified} `) || line.startsWith(`${verified}{`));
  if (!there) throw unknown(`Which keys ${who} uses`, `it has no metric ${verified}`);
  const numbers = (name: string, kid: string): number[] =>
    lines
      .filter((line) => line.startsWith(`${name}{`))
      .map((line) => seriesOf(line))
      .filter(({ labels }) => matches(labels, { ...names.labels, [names.kid]: kid }))
      .map(({ value }) => value);
  return new Map(
    kids.map((kid) => {
      const count = numbers(verified, kid).reduce((sum, value) => sum + value, 0);
      const lastAt = Math.max(0, ...(lastVerified ? numbers(lastVerified, kid) : []));
      if (Number.isNaN(count) || Number.isNaN(lastAt)) throw unknown(`Which keys ${who} uses`, `${kid} has no number`);
      return [kid, { verified: count, lastAt: lastAt > 0 ? lastAt : undefined }];
    }),
  );
}

function matches(labels: Record<string, string>, wanted: Record<string, string>): boolean {
  return Object.entries(wanted).every(([name, value]) => labels[name] === value);
}

function seriesOf(line: string): { labels: Record<string, string>; value: number } {
  const end = line.lastIndexOf('}');
  const labels = Object.fromEntries(
    [...line.slice(0, end).matchAll(LABEL)].map(([, name = '', value = '']) => [name, value]),
  );
  // A timestamp may follow.
  return {
    labels,
    value: Number(
      line
        .slice(end + 1)
        .trim()
        .split(/\s+/)[0],
    ),
  };
}
