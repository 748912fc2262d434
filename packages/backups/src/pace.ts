/** How fast bytes come, and when they will have come, for a person. */
export class Pace {
  readonly #expected: number;
  readonly #say: (text: string) => void;
  readonly #started = performance.now();
  #bytes = 0;

  /** `expected` is an estimate: the end may come sooner or later. */
  constructor(expected: number, say: (text: string) => void) {
    this.#expected = expected;
    this.#say = say;
  }

  add(bytes: number): void {
    this.#bytes += bytes;
    this.#say(describePace(this.#bytes, this.#expected, (performance.now() - this.#started) / 1_000));
  }
}

const BAR = 20;

/** `██████░░░░ 29 %  120 of about 410 MiB, 210 MiB/s, 2 s left` */
export function describePace(bytes: number, expected: number, seconds: number): string {
  const rate = bytes / Math.max(seconds, 0.001);
  const speed = `${shownBytes(rate)}/s`;
  if (expected <= bytes) return `${shownBytes(bytes)}, ${speed}`;
  const share = bytes / expected;
  const bar = '█'.repeat(Math.round(share * BAR)).padEnd(BAR, '░');
  const left = Math.ceil((expected - bytes) / rate);
  return `${bar} ${Math.round(share * 100)} %  ${shownBytes(bytes)} of about ${shownBytes(expected)}, ${speed}, ${left} s left`;
}

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];

/** In the unit in which it has a digit before the point: `812 B`, `9.4 KiB`, `410 MiB`. */
export function shownBytes(bytes: number): string {
  const power = bytes < 1 ? 0 : Math.min(Math.floor(Math.log2(bytes) / 10), UNITS.length - 1);
  const value = bytes / 1_024 ** power;
  return `${value.toFixed(power > 0 && value < 10 ? 1 : 0)} ${UNITS[power]}`;
}
