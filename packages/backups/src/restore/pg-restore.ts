import type { StdioOptions } from 'node:child_process';
import { open, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Writable } from 'node:stream';
import {
  databaseArgument,
  databaseOf,
  OpsError,
  requireTool,
  type Secret,
  startPostgresProgram,
  toolVersion,
} from '@drydock/kit';
import { ArchiveReader, type Counted } from '../archive/reader.ts';
import { buffered } from '../stdbuf.ts';
import { makeTemporary, temporaryFull } from '../temporary.ts';
import { judge, type Known, type Skipped } from './holes.ts';
import { readSaid, type Said, uncounted } from './said.ts';

/** Without a schema it is the one of that name in any. */
export type TableName = { schema: string | undefined; name: string };

export interface RestoreOptions {
  jobs: number;
  /** Only these entries of its table of contents, in its order. */
  only?: readonly number[] | undefined;
  /** Only this one, with its rows: of an archive whose table of contents is not understood. */
  table?: TableName | undefined;
  known?: Known | undefined;
  /** Everything belongs to whoever restores, and nobody else may do anything. */
  noOwner?: boolean;
  /** Beside the live database, where nobody is subscribed to it. */
  beside?: boolean;
  /** Of which tables the rows are counted and summed in the archive; of none if it is not said. */
  counts?: (table: { schema: string; name: string }) => boolean;
  signal?: AbortSignal | undefined;
}

export type PgRestored = {
  skipped: Skipped[];
  /** Rows in the archive of the tables that were to be counted; undefined where they could not be told. */
  counted: Counted[] | undefined;
  /** In the archive; undefined as above. */
  largeObjects: { count: number; checksum: string } | undefined;
};

/**
 * Into an empty database. With one job nothing touches the disk. Several need a file to seek in: it lies in the clear in
 * a private temporary folder for as long as the restore takes. No table or schema is ever excluded: with such an option pg_restore
 * leaves out the rights and comments of everything that the archive does not create itself, as of schema public.
 */
export async function pgRestore(
  plain: AsyncIterable<Buffer>,
  to: Secret,
  options: RestoreOptions,
): Promise<PgRestored> {
  const coming = openArchive(plain, options);
  try {
    return await restoreArchive(coming, to, options);
  } finally {
    await coming.remove();
  }
}

/** An archive on its way into a database. */
export interface Coming {
  reader: ArchiveReader;
  /** For one job, which reads it as it comes. */
  pieces: AsyncIterable<Buffer>;
  /** For several: begins to come at once, and is all there when this resolves. */
  file: Promise<string> | undefined;
  remove(): Promise<void>;
}

/** Before it is known where it goes: what has to be made ready there takes its time as well. */
export function openArchive(
  plain: AsyncIterable<Buffer>,
  { jobs, counts, signal }: Pick<RestoreOptions, 'jobs' | 'counts' | 'signal'>,
): Coming {
  const reader = new ArchiveReader({ sums: counts, largeObjects: counts !== undefined });
  const leaving = new AbortController();
  const until = signal ? AbortSignal.any([signal, leaving.signal]) : leaving.signal;
  const seen = async function* () {
    for await (const piece of plain) {
      reader.add(piece);
      yield piece;
    }
  };
  const pieces = seen();
  const folder = jobs > 1 ? makeTemporary(TEMPORARY) : undefined;
  const file = folder?.then((path) => writeArchive(pieces, reader, join(path, 'dump'), until));
  file?.catch(() => {});
  return {
    reader,
    pieces,
    file,
    async remove() {
      leaving.abort();
      await file?.catch(() => {});
      if (folder) await rm(await folder, { recursive: true, force: true });
    },
  };
}

/** As `pgRestore`, which opens and removes it. */
export async function restoreArchive(coming: Coming, to: Secret, options: RestoreOptions): Promise<PgRestored> {
  const { reader, pieces } = coming;
  const { jobs, only } = options;
  const folder = only && (await makeTemporary(TEMPORARY));
  try {
    const list = folder ? await writeList(join(folder, 'list'), only) : [];
    const args = ['--no-password', `--dbname=${databaseArgument(databaseOf(to))}`, ...choose(options), ...list];
    const file = await coming.file;
    const skipped = file
      ? await run(to, [...args, `--jobs=${jobs}`, file], options)
      : await run(to, args, options, pieces);
    return { skipped, counted: reader.counted(), largeObjects: reader.largeObjects() };
  } finally {
    if (folder) await rm(folder, { recursive: true, force: true });
  }
}

/** Unlike options that choose, a list leaves nothing out that hangs on what is chosen: rights and comments are entries of their own. */
async function writeList(path: string, only: readonly number[]): Promise<string[]> {
  await writeFile(path, only.map((id) => `${id};\n`).join(''));
  return [`--use-list=${path}`];
}

const WRITTEN_BYTES = 1 << 20;

/** As pg_dump writes it into a file: with the offset of each table's data, so that several can be read at once. */
async function writeArchive(
  pieces: AsyncIterable<Buffer>,
  reader: ArchiveReader,
  path: string,
  signal: AbortSignal,
): Promise<string> {
  const file = await open(path, 'wx', 0o600);
  // One is filled while the other is written.
  let [filling, other] = [Buffer.allocUnsafeSlow(WRITTEN_BYTES), Buffer.allocUnsafeSlow(WRITTEN_BYTES)];
  let filled = 0;
  let written = Promise.resolve();
  const write = async () => {
    await written;
    written = file.writeFile(filling.subarray(0, filled));
    written.catch(() => {});
    [filling, other, filled] = [other, filling, 0];
  };
  try {
    for await (const piece of pieces) {
      signal.throwIfAborted();
      for (let at = 0; at < piece.length; ) {
        const copied = piece.copy(filling, filled, at);
        at += copied;
        filled += copied;
        if (filled === WRITTEN_BYTES) await write();
      }
    }
    await write();
    await written;
    for (const { at, bytes } of reader.patches()) await file.write(bytes, 0, bytes.length, at);
    return path;
  } catch (cause) {
    throw temporaryFull(cause, 'the dump, which several jobs read there in the clear', '--jobs 1 needs none of it');
  } finally {
    await written.catch(() => {});
    await file.close();
  }
}

const TEMPORARY = 'drydock-restore-';

function choose({ table, noOwner, beside }: RestoreOptions): string[] {
  return [
    '--no-subscriptions',
    ...(beside ? ['--no-publications'] : []),
    ...(noOwner ? ['--no-owner', '--no-privileges'] : []),
    ...(table ? [...(table.schema ? [`--schema=${table.schema}`] : []), `--table=${table.name}`] : []),
  ];
}

async function run(
  to: Secret,
  args: string[],
  { jobs, noOwner = false, signal, known }: RestoreOptions,
  input?: AsyncIterable<Buffer>,
): Promise<Skipped[]> {
  const { code, said } = await runPgRestore(args, { to, input, signal });
  const read = readSaid(said);
  // It ends with 1 where it went on after an error, and counts them; without the number it did not come to its end.
  if (code !== 0 && read.ignored === undefined) throw restoreFailed(code, read, said);
  const skipped = await judge(to, read.errors, noOwner, known);
  const why = uncounted(read, jobs);
  return why ? [...skipped, { what: 'something that pg_restore does not name', why, hole: true }] : skipped;
}

/** `code` is its exit code, or the signal that ended it. */
export function restoreFailed(code: number | string, { errors }: Said, said: string): OpsError {
  const format = /unsupported version \(1\.(\d+)\) in file header/.exec(said)?.[1];
  if (format) return tooOld(Number(format));
  const why = errors[0]?.why ?? said.trim().split('\n').at(-1);
  return new OpsError({
    code: 'RESTORE_FAILED',
    message: `pg_restore failed: ${typeof code === 'string' ? `it was ended by ${code}` : why || `it ended with ${code}`}.`,
    hint: 'Nothing was put in the place of anything. Mend the cause and run it again.',
  });
}

/** Formats 1.15 and 1.16 came with 16 and 17; those between two major versions are the same. */
function tooOld(format: number): OpsError {
  const path = requireTool('pg_restore');
  const major = format + 1;
  return new OpsError({
    code: 'PG_RESTORE_TOO_OLD',
    message: `pg_restore ${toolVersion(path) ?? ''} is older than the pg_dump that made the backup, which was ${major} or newer: it cannot read it.`,
    hint: `The backup is as it was. Install postgresql-client-${major}, and name its program in PG_RESTORE_PATH if it is not found.`,
  });
}

export interface ToolRun {
  /** Nowhere: it reads and writes what it is given. */
  to?: Secret;
  input?: AsyncIterable<Buffer> | undefined;
  signal?: AbortSignal | undefined;
  /** What it writes on its standard output. */
  onOutput?: (chunk: Buffer) => void;
}

/** To its end, however that is. What it says itself is English; what the server says, in the server's language. */
export async function runPgRestore(
  args: string[],
  { to, input, signal, onOutput }: ToolRun,
): Promise<{ code: number | string; said: string }> {
  const stdio: StdioOptions = [input ? 'pipe' : 'ignore', onOutput ? 'pipe' : 'ignore', 'pipe'];
  const options = { url: to, env: { LC_MESSAGES: 'C' }, stdio };
  const child = startPostgresProgram(requireTool('pg_restore'), args, options, input ? buffered('-i1M') : []);
  const stop = () => void child.kill('SIGTERM');
  signal?.addEventListener('abort', stop, { once: true });
  if (onOutput) child.stdout?.on('data', onOutput);
  let said = '';
  // What is beyond that is missed in the number of errors.
  child.stderr?.on('data', (chunk) => {
    said = `${said}${chunk}`;
    if (said.length > SAID_LENGTH) said = `${said.slice(0, SAID_LENGTH / 2)}\n${said.slice(-SAID_LENGTH / 2)}`;
  });
  const ended = new Promise<number | string>((done, fail) =>
    child.once('error', fail).once('close', (code, by) => done(code ?? by ?? '')),
  );
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
  return { code, said };
}

const SAID_LENGTH = 4 << 20;

/** pg_restore that ends early tells the reason itself, or has had enough; a source that ends early is the reason. */
async function feed(input: AsyncIterable<Buffer>, stdin: Writable): Promise<void> {
  let open = true;
  let written = () => {};
  const close = () => {
    open = false;
    written();
  };
  stdin.on('error', close).once('close', close);
  for await (const piece of input) {
    if (!open) break;
    // The piece is of use until it is asked for the next.
    await new Promise<void>((done) => {
      written = done;
      stdin.write(piece, () => done());
    });
  }
  stdin.end();
}
