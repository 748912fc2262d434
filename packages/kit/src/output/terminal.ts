import type { Live, Output, Progress } from './output.ts';
import { shownLine, shownLines } from './shown.ts';
import { clip, painted, partsOf, render, type Style, type Text, width } from './text.ts';

const FRAMES = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
const FRAME_MS = 80;
const CLEAR_LINE = '\r\x1b[2K';

/**
 * Output for people. The spinner is our own because those of prompt libraries put the terminal into raw mode and exit
 * the process on Ctrl-C, which would skip the journal.
 */
export function createOutput(stream: NodeJS.WriteStream, { draws = true } = {}): Output {
  const spinners = new SpinnerStack(stream);
  const write = (text: Text) => spinners.above(() => void stream.write(`${render(text, stream)}\n`));
  return {
    line: write,
    lines: (text) => {
      for (const line of shownLines(text)) write(line);
    },
    warn: (text) => write([painted('yellow', '!'), ' ', ...partsOf(text)]),
    table: (header, rows) => {
      for (const line of alignColumns(header, rows)) write(line);
    },
    progress: (title) => (stream.isTTY ? spinners.push(title) : plainProgress(write, title)),
    live: () => (draws && stream.isTTY ? liveArea(stream) : undefined),
  };
}

/** Over the lines of the last time, in one write, so that nothing flickers; what other tasks print on scrolls up as usual. */
function liveArea(stream: NodeJS.WriteStream): Live {
  let height = 0;
  return {
    get columns() {
      return stream.columns ?? 80;
    },
    draw(lines) {
      // What is higher than the screen cannot be gone back over.
      const fitting = lines.slice(0, (stream.rows ?? 24) - 1).map((line) => render(clip(line, this.columns), stream));
      const back = height > 0 ? `\x1b[${height}A` : '';
      height = fitting.length;
      stream.write(`${back}\r\x1b[0J${fitting.join('\n')}\n`);
    },
  };
}

/** Left-aligned columns, two spaces apart, a rule under the header. A cell stays within its row and column, whatever is in it. */
export function alignColumns(header: string[], rows: string[][]): string[] {
  const all = [header, ...rows].map((row) => header.map((_, column) => shownLine(row[column] ?? '')));
  const widths = header.map((_, column) => Math.max(...all.map((row) => width(row[column] ?? ''))));
  const aligned = all.map((row) =>
    row
      .map((cell, column) => cell + ' '.repeat((widths[column] ?? 0) - width(cell)))
      .join('  ')
      .trimEnd(),
  );
  return [aligned[0] ?? '', widths.map((wide) => '─'.repeat(wide)).join('  '), ...aligned.slice(1)];
}

/** One line at the bottom shows the innermost of the things in progress; finished ones scroll up. */
class SpinnerStack {
  readonly #stream: NodeJS.WriteStream;
  readonly #active: { title: string; detail: string }[] = [];
  #timer: NodeJS.Timeout | undefined;
  #frame = 0;

  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream;
  }

  push(title: string): Progress {
    const entry = { title, detail: '' };
    this.#active.push(entry);
    this.#timer ??= setInterval(() => this.#draw(), FRAME_MS).unref();
    this.#draw();
    const end = (style: Style, mark: string, text: string) => {
      this.#active.splice(this.#active.indexOf(entry), 1);
      this.above(() => void this.#stream.write(`${render([painted(style, mark), ' ', text], this.#stream)}\n`));
    };
    return {
      update: (detail) => {
        entry.detail = detail;
      },
      done: (text) => end('green', '✔', text ?? title),
      fail: (text) => end('red', '✖', text ?? title),
    };
  }

  /** Writes a line over the spinner's and draws the spinner again below it. */
  above(write: () => void): void {
    if (this.#timer) this.#stream.write(CLEAR_LINE);
    write();
    if (this.#active.length > 0) {
      this.#draw();
      return;
    }
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #draw(): void {
    const top = this.#active.at(-1);
    if (!top) return;
    const mark = painted('cyan', FRAMES[this.#frame++ % FRAMES.length] ?? '');
    const text = top.detail ? [top.title, '  ', painted('dim', top.detail)] : top.title;
    const line = render(clip(text, (this.#stream.columns ?? 80) - 3), this.#stream);
    this.#stream.write(`${CLEAR_LINE}${render(mark, this.#stream)} ${line}`);
  }
}

/** Off a terminal: a log that ends here says what hangs. */
function plainProgress(write: (line: string) => void, title: string): Progress {
  write(`→ ${title}`);
  return {
    update: () => {},
    done: (text) => write(`✔ ${text ?? title}`),
    fail: (text) => write(`✖ ${text ?? title}`),
  };
}

/** 812 → `812 ms`, 12345 → `12.3 s`, 95000 → `1 min 35 s`. */
export function formatDuration(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1_000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1_000);
  return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}
