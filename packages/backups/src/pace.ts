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
  const speed = `${mebibytes(rate)}/s`;
  if (expected <= bytes) return `${mebibytes(bytes)}, ${speed}`;
  const share = bytes / expected;
  const bar = '█'.repeat(Math.round(share * BAR)).padEnd(BAR, '░');
  const left = Math.ceil((expected - bytes) / rate);
  return `${bar} ${Math.round(share * 100)} %  ${mebibytes(bytes)} of about ${mebibytes(expected)}, ${speed}, ${left} s left`;
}

export function mebibytes(bytes: number): string {
  return `${(bytes / 1_048_576).toFixed(bytes < 10_485_760 ? 2 : 0)} MiB`;
}
