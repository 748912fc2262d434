import { type ChildProcess, execFile, type StdioOptions } from 'node:child_process';
import { promisify } from 'node:util';
import {
  databaseOf,
  OpsError,
  requireTool,
  type Secret,
  saysTooOld,
  startPostgresProgram,
  type ToolName,
} from '@drydock/kit';
import { buffered } from '../stdbuf.ts';
import { type Take, widePipe } from '../wide-pipe.ts';

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
  const args = ['-Fc', '-Z0', '--no-password', BOUNDED, ...UNDER_WAY, `--snapshot=${snapshot}`];
  return startReading('pg_dump', url, args, { env: ALIKE });
}

/** Roles, their settings and memberships; never a password. */
export function dumpGlobals(url: Secret): Promise<Dumping> {
  return startReading('pg_dumpall', url, [
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

/** Values are written alike whatever time zone a server, a database or a role has. */
const ALIKE = { PGTZ: 'UTC' };

interface ReadOptions {
  /** What it reads itself. */
  input?: string;
  env?: NodeJS.ProcessEnv;
  /** What its failure is. */
  failed?(why: string): OpsError;
}

/** A program of PostgreSQL, as whose output comes what it reads of a database. */
export async function startReading(
  tool: ToolName,
  url: Secret,
  args: string[],
  { input, env = {}, failed }: ReadOptions = {},
): Promise<Dumping> {
  const pipe = await widePipe();
  const stdio: StdioOptions = [input === undefined ? 'ignore' : 'pipe', pipe.end, 'pipe'];
  const child = startPostgresProgram(requireTool(tool), args, { url, env, stdio }, buffered('-o1M'));
  pipe.end.destroy();
  const ended = endOf(tool, child, failed);
  // Where it ends before it has read all, it says why.
  child.stdin?.on('error', () => {});
  if (input !== undefined) child.stdin?.end(input);
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

function endOf(tool: ToolName, child: ChildProcess, failed?: ReadOptions['failed']): Promise<void> {
  let said = '';
  child.stderr?.on('data', (chunk) => {
    said = `${said}${chunk}`.slice(-4_000);
  });
  const ended = new Promise<void>((done, fail) => {
    child.once('error', fail);
    const how = (code: number | null, signal: string | null) =>
      signal ? `was ended by ${signal}` : `ended with ${code}`;
    child.once('close', (code, signal) => {
      if (code === 0) done();
      else
        fail(
          failed ? failed(reasonOf(said) ?? `${tool} ${how(code, signal)}`) : dumpFailed(tool, said, how(code, signal)),
        );
    });
  });
  // Awaited beside the stream; a failure before that must not count as unhandled.
  ended.catch(() => {});
  return ended;
}

function dumpFailed(tool: ToolName, said: string, how: string): OpsError {
  const tooOld = saysTooOld(tool, said);
  if (tooOld) return tooOld;
  const [, advice] = /^(?:pg_dump(?:all)?: )?HINT: +(.+)$/im.exec(said) ?? [];
  const after = 'The backups before it are untouched. Mend the cause and run it again.';
  return new OpsError({
    code: 'DUMP_FAILED',
    message: `${tool} failed: ${reasonOf(said) ?? `it ${how}`}.`,
    hint: advice ? `${advice} ${after}` : after,
  });
}

/** What it names as such first, with what the server answered: the lines after that are what came of it. */
function reasonOf(said: string): string | undefined {
  const lines = said.split('\n').map((line) => line.trim());
  const why = lines.find((line) => /error|fatal|^psql:/i.test(line))?.replace(PREFIX, '');
  const [, answered] = /^pg_dump: detail: Error message from server: +(?:\S+: +)?(.+)$/m.exec(said) ?? [];
  return why && answered && !why.includes(answered) ? `${why.replace(/\.$/, '')}: ${answered}` : why;
}

const PREFIX = /^(pg_dump(all)?: error|psql:<stdin>:\d+: \S+): +/;

export async function readDumpVersion(): Promise<string> {
  const { stdout } = await promisify(execFile)(requireTool('pg_dump'), ['--version']);
  return /\d+(\.\d+)+/.exec(stdout)?.[0] ?? 'unknown';
}
