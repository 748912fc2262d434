export type Labels = Readonly<Record<string, string>>;

/** One line of a scrape. */
export interface Series {
  name: string;
  labels: Labels;
  value: number;
}

/** Everything a product said of itself at one moment. */
export interface Scrape {
  /** Milliseconds since 1970, by this machine's clock (or by Prometheus's, where that was asked). */
  at: number;
  /** Series by metric name. */
  series: ReadonlyMap<string, readonly Series[]>;
  /** Names that were announced (`# TYPE`), with or without a series: a counter with labels has none before its first event. */
  announced: ReadonlySet<string>;
  /** Milliseconds by which the clock of an instance is ahead of the one of `at`. */
  aheadMs?: ReadonlyMap<string, number>;
  /** `at` may be so much later than the moment of the values: Prometheus answers by steps. */
  blurMs?: number;
}

/** Groups series under their names. */
export function toScrape(at: number, all: Iterable<Series>, announced: Iterable<string> = []): Scrape {
  const series = new Map<string, Series[]>();
  for (const one of all) {
    const known = series.get(one.name);
    if (known) known.push(one);
    else series.set(one.name, [one]);
  }
  return { at, series, announced: new Set(announced) };
}
