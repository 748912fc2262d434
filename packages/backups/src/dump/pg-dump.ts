import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { promisify } from 'node:util';
import { databaseOf, libpqEnv, OpsError, requireTool, type Secret, type ToolName } from '@drydock/kit';

/** A program of PostgreSQL whose output is read as it comes. `ended` rejects with what it said. */
export interface Dumping {
  stdout: NonNullable<ChildProcess['stdout']>;
  ended: Promise<void>;
  kill(): void;
}

/** One snapshot in the custom format, without its own compression. */
export function dumpDatabase(url: Secret, snapshot: string): Dumping {
  return start('pg_dump', url, ['-Fc', '-Z0', '--no-password', `--snapshot=${snapshot}`]);
}

/** One schema and its rows, for pg_restore. */
export function dumpSchema(url: Secret, schema: string): Dumping {
  return start('pg_dump', url, ['-Fc', '-Z0', '--no-password', `--schema=${schema}`]);
}

/** Roles, their settings and memberships; never a password. */
export function dumpGlobals(url: Secret): Dumping {
  return start('pg_dumpall', url, [
    '--globals-only',
    '--no-role-passwords',
    '--no-password',
    `--database=${databaseOf(url)}`,
  ]);
}

function start(tool: ToolName, url: Secret, args: string[]): Dumping {
  const child = spawn(requireTool(tool), args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: libpqEnv(url, process.env.PATH),
  });
  let said = '';
  child.stderr.on('data', (chunk) => {
    said = `${said}${chunk}`.slice(-4_000);
  });
  const ended = new Promise<void>((done, fail) => {
    child.once('error', fail);
    child.once('close', (code) => (code === 0 ? done() : fail(dumpFailed(tool, said, code))));
  });
  // Awaited beside the stream; a failure before that must not count as unhandled.
  ended.catch(() => {});
  return { stdout: child.stdout, ended, kill: () => void child.kill('SIGKILL') };
}

function dumpFailed(tool: string, said: string, code: number | null): OpsError {
  const mismatch = /server version: ([\d.]+).*?; pg_dump(?:all)? version: ([\d.]+)/s.exec(said);
  if (mismatch)
    return new OpsError({
      code: 'PG_DUMP_TOO_OLD',
      message: `${tool} ${mismatch[2]} cannot read a server of version ${mismatch[1]}.`,
      hint: `Install postgresql-client-${mismatch[1]?.split('.')[0]}, and name its programs in PG_DUMP_PATH and PG_DUMPALL_PATH if they are not found.`,
    });
  const why = said
    .trim()
    .split('\n')
    .filter((line) => /error|fatal/i.test(line))
    .at(0);
  return new OpsError({
    code: 'DUMP_FAILED',
    message: `${tool} failed: ${why?.replace(/^pg_dump(all)?: error: /, '') ?? `it ended with ${code ?? 'a signal'}`}.`,
    hint: 'The backups before it are untouched. Mend the cause and run it again.',
  });
}

export async function readDumpVersion(): Promise<string> {
  const { stdout } = await promisify(execFile)(requireTool('pg_dump'), ['--version']);
  return /\d+(\.\d+)+/.exec(stdout)?.[0] ?? 'unknown';
}
