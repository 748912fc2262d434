import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process';
import { basename } from 'node:path';
import { nameOfProgram, trackProgram } from '../open-sessions.ts';
import { libpqEnv, reachedBy } from '../postgres.ts';
import type { Secret } from '../secret.ts';

export interface ProgramOptions {
  /** The server that it works on; without one it reads and writes what it is given. */
  url?: Secret | undefined;
  stdio: StdioOptions;
  env?: NodeJS.ProcessEnv;
}

/**
 * Starts one of PostgreSQL's programs (`through` others: stdbuf). It gets nothing of our environment but how to connect, and it
 * ends with us, on the server too.
 */
export function startPostgresProgram(
  program: string,
  args: string[],
  { url, stdio, env }: ProgramOptions,
  through: string[] = [],
): ChildProcess {
  const name = nameOfProgram(basename(program));
  const connection = url ? { ...libpqEnv(url, process.env.PATH), PGAPPNAME: name } : { PATH: process.env.PATH };
  const [command = program, ...rest] = [...through, program, ...args];
  const child = spawn(command, rest, { stdio, env: { ...connection, ...env } });
  trackProgram(child, name, () => url && reachedBy(url));
  return child;
}
