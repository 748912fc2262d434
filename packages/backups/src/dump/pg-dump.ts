import { type ChildProcess, execFile, type StdioOptions } from 'node:child_process';
import { promisify } from 'node:util';
import {
  databaseOf,
  findTool,
  OpsError,
  requireTool,
  type Secret,
  saysTooOld,
  startPostgresProgram,
  type ToolName,
} from '@drydock/kit';
import { type Take, widePipe } from './wide-pipe.ts';

/** A program of PostgreSQL whose output is read as it comes. */
export interface Dumping {
  /** Rejects where the program fails, however much came before. */
  read(take: Take): Promise<void>;
  kill(): void;
}

/** Longest wait for a table that somebody holds for himself: a night's backup that waits for ever is none. */
export const LOCK_WAIT_MS = 60_000;
const BOUNDED = `--lock-wait-timeout=${LOCK_WAIT_MS}`;

/** What is under way while it is made, the backup itself too: where it is restored, nobody could go on with that. */
const UNDER_WAY = ['drydock.run', 'drydock.run_entry'].map((table) => `--exclude-table-data=${table}`);

/** One snapshot in the custom format, without its own compression. */
export function dumpDatabase(url: Secret, snapshot: string): Promise<Dumping> {
  return start('pg_dump', url, ['-Fc', '-Z0', '--no-password', BOUNDED, ...UNDER_WAY, `--snapshot=${snapshot}`]);
}

/** Roles, their settings and memberships; never a password. */
export function dumpGlobals(url: Secret): Promise<Dumping> {
  return start('pg_dumpall', url, [
    '--globals-only',
    '--no-role-passwords',
    '--no-password',
    BOUNDED,
    `--database=${databaseOf(url)}`,
  ]);
}

/** One schema and its rows, for pg_restore. */
export function dumpSchema(url: Secret, schema: string): AsyncIterable<Buffer> {
  return dumpPart(url, [`--schema=${schema}`]);
}

/** What belongs to no schema: the database itself, with its rights and settings. */
export function dumpProperties(url: Secret): AsyncIterable<Buffer> {
  return dumpPart(url, ['--schema-only', '--exclude-schema=*']);
}

async function* dumpPart(url: Secret, part: string[]): AsyncIterable<Buffer> {
  const child = startPostgresProgram(requireTool('pg_dump'), ['-Fc', '-Z0', '--no-password', BOUNDED, ...part], {
    url,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = endOf('pg_dump', child);
  yield* child.stdout as AsyncIterable<Buffer>;
  await ended;
}

/**
 * pg_dump writes 4 KiB at a time, and each of them wakes whoever reads: coreutils' stdbuf, where it is there, has it
 * write 1 MiB (340 MB: a third of a second of processor less).
 */
function buffered(): string[] {
  const stdbuf = findTool('stdbuf');
  return stdbuf ? [stdbuf, '-o1M'] : [];
}

async function start(tool: ToolName, url: Secret, args: string[]): Promise<Dumping> {
  const pipe = await widePipe();
  const options = { url, stdio: ['ignore', pipe.end, 'pipe'] satisfies StdioOptions };
  const child = startPostgresProgram(requireTool(tool), args, options, buffered());
  pipe.end.destroy();
  const ended = endOf(tool, child);
  return {
    async read(take) {
      await pipe.read(take);
      await ended;
    },
    kill() {
      child.kill('SIGKILL');
      pipe.destroy();
    },
  };
}

function endOf(tool: ToolName, child: ChildProcess): Promise<void> {
  let said = '';
  child.stderr?.on('data', (chunk) => {
    said = `${said}${chunk}`.slice(-4_000);
  });
  const ended = new Promise<void>((done, fail) => {
    child.once('error', fail);
    const how = (code: number | null, signal: string | null) =>
      signal ? `was ended by ${signal}` : `ended with ${code}`;
    child.once('close', (code, signal) => (code === 0 ? done() : fail(dumpFailed(tool, said, how(code, signal)))));
  });
  // Awaited beside the stream; a failure before that must not count as unhandled.
  ended.catch(() => {});
  return ended;
}

function dumpFailed(tool: ToolName, said: string, how: string): OpsError {
  const tooOld = saysTooOld(tool, said);
  if (tooOld) return tooOld;
  const why = said
    .trim()
    .split('\n')
    .filter((line) => /error|fatal/i.test(line))
    .at(0);
  return new OpsError({
    code: 'DUMP_FAILED',
    message: `${tool} failed: ${why?.replace(/^pg_dump(all)?: error: /, '') ?? `it ${how}`}.`,
    hint: 'The backups before it are untouched. Mend the cause and run it again.',
  });
}

export async function readDumpVersion(): Promise<string> {
  const { stdout } = await promisify(execFile)(requireTool('pg_dump'), ['--version']);
  return /\d+(\.\d+)+/.exec(stdout)?.[0] ?? 'unknown';
}
