import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { stripVTControlCharacters } from 'node:util';
import { shellWord } from '../shell-word.ts';

const WITHIN_MS = 30_000;

/** A process on a terminal of its own, by script(1): what a person sees, and what they type. */
export class Terminal {
  readonly #child: ChildProcess;
  readonly #ended: Promise<number | null>;
  #seen = '';
  #read = 0;

  constructor(root: string, args: string[], env: NodeJS.ProcessEnv) {
    // One that was never told its size has none, and what is drawn on it stands on top of itself.
    const command = `stty cols 140 rows 40; exec ${[process.execPath, ...args].map(shellWord).join(' ')}`;
    this.#child = spawn('script', ['--quiet', '--return', '--flush', '--command', command, '/dev/null'], {
      cwd: root,
      env: { PATH: process.env.PATH, HOME: process.env.HOME, TERM: 'xterm', ...env },
    });
    this.#child.stdout?.on('data', (chunk) => (this.#seen += chunk));
    this.#ended = once(this.#child, 'close').then(([code]) => code as number | null);
  }

  /** Everything so far, without colours and movements. */
  get seen(): string {
    return stripVTControlCharacters(this.#seen);
  }

  /** Waits for words behind those waited for before. */
  async sees(words: string): Promise<void> {
    for (const until = Date.now() + WITHIN_MS; ; await sleep(20)) {
      const at = this.seen.indexOf(words, this.#read);
      if (at >= 0) {
        this.#read = at + words.length;
        return;
      }
      if (Date.now() > until || this.#child.exitCode !== null) throw this.#given(words);
    }
  }

  #given(words: string): Error {
    this.#child.kill();
    return new Error(
      `"${words}" is not seen behind: ${this.seen.slice(0, this.#read)} ⟶ ${this.seen.slice(this.#read)}`,
    );
  }

  type(text: string): void {
    this.#child.stdin?.write(text);
  }

  /** Its exit code. */
  ended(): Promise<number | null> {
    return this.#ended;
  }
}
