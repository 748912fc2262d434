import { spawn } from 'node:child_process';
import { mkdtemp, open, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable, type Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { databaseArgument, databaseOf, libpqEnv, OpsError, requireTool, type Secret } from '@drydock/kit';
import { OffsetFinder } from '../archive/offsets.ts';

export interface RestoreOptions {
  jobs: number;
  /** Only this one, with its rows: `Job`, or `shop.Job`. */
  table?: string | undefined;
  /** Everything belongs to whoever restores, and nobody else may do anything. */
  noOwner?: boolean;
  excludeSchema?: string | undefined;
  signal?: AbortSignal;
}

/** What could not be restored: the object, and PostgreSQL's reason. */
export type Skipped = { what: string; why: string };

/**
 * Into an empty database. With one job nothing touches the disk. Several need a file to seek in: it lies in the clear in
 * a private temporary folder for as long as the restore takes.
 */
export async function pgRestore(plain: AsyncIterable<Buffer>, to: Secret, options: RestoreOptions): Promise<Skipped[]> {
  const args = ['--no-password', `--dbname=${databaseArgument(databaseOf(to))}`, ...choose(options)];
  if (options.jobs <= 1) return run(to, args, options.signal, plain);
  await sweepTemporary();
  const folder = await mkdtemp(join(tmpdir(), `${TEMPORARY}${process.pid}-`));
  try {
    const file = join(folder, 'dump');
    await writeArchive(plain, file, options.signal);
    return await run(to, [...args, `--jobs=${options.jobs}`, file], options.signal);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** As pg_dump writes it into a file: with the offset of each table's data, so that several can be read at once. */
async function writeArchive(plain: AsyncIterable<Buffer>, path: string, signal?: AbortSignal): Promise<void> {
  const file = await open(path, 'wx', 0o600);
  try {
    const finder = new OffsetFinder();
    for await (const piece of plain) {
      signal?.throwIfAborted();
      finder.add(piece);
      await file.writeFile(piece);
    }
    for (const { at, bytes } of finder.patches()) await file.write(bytes, 0, bytes.length, at);
  } finally {
    await file.close();
  }
}

const TEMPORARY = 'drydock-restore-';

/** What a killed restore left in the clear: its process, which the folder is named after, is gone. */
async function sweepTemporary(): Promise<void> {
  for (const name of await readdir(tmpdir())) {
    const pid = name.startsWith(TEMPORARY) ? Number(name.slice(TEMPORARY.length).split('-')[0]) : 0;
    if (pid > 0 && !isAlive(pid)) await rm(join(tmpdir(), name), { recursive: true, force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function choose({ table, noOwner, excludeSchema }: RestoreOptions): string[] {
  const dot = table?.indexOf('.') ?? -1;
  return [
    ...(noOwner ? ['--no-owner', '--no-privileges', '--no-comments'] : []),
    ...(excludeSchema ? [`--exclude-schema=${excludeSchema}`] : []),
    ...(table ? [...(dot > 0 ? [`--schema=${table.slice(0, dot)}`] : []), `--table=${table.slice(dot + 1)}`] : []),
  ];
}

async function run(
  to: Secret,
  args: string[],
  signal: AbortSignal | undefined,
  input?: AsyncIterable<Buffer>,
): Promise<Skipped[]> {
  const child = spawn(requireTool('pg_restore'), args, {
    env: libpqEnv(to, process.env.PATH),
    stdio: [input ? 'pipe' : 'ignore', 'ignore', 'pipe'],
  });
  const stop = () => void child.kill('SIGTERM');
  signal?.addEventListener('abort', stop, { once: true });
  let said = '';
  child.stderr?.on('data', (chunk) => {
    said = `${said}${chunk}`.slice(-200_000);
  });
  const ended = new Promise<number | null>((done, fail) => child.once('error', fail).once('close', done));
  ended.catch(() => {});
  try {
    if (input) await feed(input, child.stdin as Writable);
  } catch (error) {
    child.kill('SIGKILL');
    await ended;
    throw error;
  } finally {
    signal?.removeEventListener('abort', stop);
  }
  const code = await ended;
  signal?.throwIfAborted();
  const skipped = readSkipped(said);
  // It ends with 1 where it went on after an error; without one that we can read, it did not go on.
  if (code !== 0 && skipped.length === 0)
    throw new OpsError({
      code: 'RESTORE_FAILED',
      message: `pg_restore failed: ${said.trim().split('\n').at(-1) || `it ended with ${code ?? 'a signal'}`}.`,
      hint: 'Nothing was put in the place of anything. Mend the cause and run it again.',
    });
  return skipped;
}

/** pg_restore that ends early tells the reason itself; a source that ends early is the reason. */
async function feed(input: AsyncIterable<Buffer>, stdin: Writable): Promise<void> {
  try {
    await pipeline(Readable.from(input), stdin);
  } catch (error) {
    if (
      error instanceof OpsError ||
      !['EPIPE', 'ERR_STREAM_PREMATURE_CLOSE'].includes((error as { code?: string }).code ?? '')
    )
      throw error;
  }
}

/** "error: could not execute query: ERROR:  …", and below it "Command was: …". */
export function readSkipped(said: string): Skipped[] {
  return said
    .split(/^pg_restore: error: could not execute query: /m)
    .slice(1)
    .map((part) => ({
      what: /^Command was: (.+)/m.exec(part)?.[1]?.trim() ?? 'something',
      why: /ERROR: {2}(.+)/.exec(part)?.[1] ?? 'for no reason that it told',
    }));
}

/**
 * Extensions want a superuser, and what is said of them fails with them; no row and no rule is lost. Everything else is a
 * hole.
 */
export function isHole({ what, why }: Skipped): boolean {
  if (/^(CREATE|COMMENT ON|ALTER) EXTENSION\b/.test(what)) return false;
  // Tables of the backup are compared afterwards: what is not there is not one of them.
  return !(/^(GRANT|REVOKE|COMMENT)\b/.test(what) && /^(relation|function|type|schema) .* does not exist/.test(why));
}
