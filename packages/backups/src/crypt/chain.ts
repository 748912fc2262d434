import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process';
import type { Socket } from 'node:net';
import type { Writable } from 'node:stream';

/** `failed` makes the error of what it said, or of how it ended. */
export interface Program {
  path: string;
  args: string[];
  failed(why: string): Error;
}

/** Programs that are under way, each of which reads what the one before it writes; nothing passes through here between them. */
export interface Chain {
  stdin: Writable;
  /** Rejects with the failure of the first program that failed by itself. */
  ended: Promise<void>;
  kill(): void;
}

/** `out` is what the last writes to; it is closed here once that has it. */
export function startChain(programs: Program[], out: Socket): Chain {
  const children: ChildProcess[] = [];
  for (const [at, { path, args }] of programs.entries()) {
    const before = children.at(-1)?.stdout;
    const last = at === programs.length - 1;
    const stdio: StdioOptions = [before ?? 'pipe', last ? out : 'pipe', 'pipe'];
    children.push(spawn(path, args, { stdio, env: { PATH: process.env.PATH } }));
    // The next one has it now; whoever reads must be the only one to keep it open.
    before?.destroy();
  }
  out.destroy();
  const ends = programs.map((program, at) => endOf(program, children[at] as ChildProcess));
  const ended = Promise.all(ends).then((all) => {
    // One that could not write any more did not fail by itself.
    const failed = all.filter((end) => end !== undefined);
    const first = failed.find(({ broken }) => !broken) ?? failed[0];
    if (first) throw first.error;
  });
  ended.catch(() => {});
  return {
    stdin: children[0]?.stdin as Writable,
    ended,
    kill() {
      for (const child of children) child.kill('SIGKILL');
    },
  };
}

/** EPIPE and, with something unread, ECONNRESET, as neither program translates them. */
const NOBODY_READS = /broken pipe|connection reset/i;

type Failure = { error: Error; broken: boolean };

function endOf({ path, failed }: Program, child: ChildProcess): Promise<Failure | undefined> {
  let said = '';
  child.stderr?.on('data', (chunk) => {
    said = `${said}${chunk}`.slice(-2_000);
  });
  return new Promise((done) => {
    child.once('error', (error) => done({ error: failed(error.message), broken: false }));
    child.once('close', (code, signal) => {
      if (code === 0) return done(undefined);
      const name = path.split('/').at(-1);
      const why = said.split('\n')[0]?.replace(new RegExp(`^${name}: (error: )?`), '');
      done({
        error: failed(why || `it ended with ${signal ?? code}`),
        broken: signal === 'SIGPIPE' || NOBODY_READS.test(said),
      });
    });
  });
}
