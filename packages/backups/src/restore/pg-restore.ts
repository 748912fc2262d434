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
  const reader = new ArchiveReader({ sums: options.counts, largeObjects: options.counts !== undefined });
  const seen = async function* () {
    for await (const piece of plain) {
      reader.add(piece);
      yield piece;
    }
  };
  const folder = options.jobs > 1 || options.only ? await makeTemporary(TEMPORARY) : undefined;
  try {
    const list = folder && options.only ? await writeList(join(folder, 'list'), options.only) : [];
    const args = ['--no-password', `--dbname=${databaseArgument(databaseOf(to))}`, ...choose(options), ...list];
    if (!folder || options.jobs <= 1) {
      const skipped = await run(to, args, options, seen());
      return { skipped, ...toldBy(reader) };
    }
    const file = join(folder, 'dump');
    await writeArchive(seen(), reader, file, options.signal);
    const skipped = await run(to, [...args, `--jobs=${options.jobs}`, file], options);
    return { skipped, ...toldBy(reader) };
  } finally {
    if (folder) await rm(folder, { recursive: true, force: true });
  }
}

/** Unlike options that choose, a list leaves nothing out that hangs on what is chosen: rights and comments are entries of their own. */
async function writeList(path: string, only: readonly number[]): Promise<string[]> {
  await writeFile(path, only.map((id) => `${id};\n`).join(''));
  return [`--use-list=${path}`];
}

const toldBy = (reader: ArchiveReader) => ({ counted: reader.counted(), largeObjects: reader.largeObjects() });

/** As pg_dump writes it into a file: with the offset of each table's data, so that several can be read at once. */
async function writeArchive(
  pieces: AsyncIterable<Buffer>,
  reader: ArchiveReader,
  path: string,
  signal?: AbortSignal,
): Promise<void> {
  const file = await open(path, 'wx', 0o600);
  try {
    for await (const piece of pieces) {
      signal?.throwIfAborted();
      await file.writeFile(piece).catch((cause) => {
        throw temporaryFull(cause, 'the dump, which several jobs read there in the clear', '--jobs 1 needs none of it');
      });
    }
    for (const { at, bytes } of reader.patches()) await file.write(bytes, 0, bytes.length, at);
  } finally {
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
  const child = startPostgresProgram(requireTool('pg_restore'), args, {
    url: to,
    env: { LC_MESSAGES: 'C' },
    stdio: [input ? 'pipe' : 'ignore', onOutput ? 'pipe' : 'ignore', 'pipe'],
  });
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
  const closed = new Promise<void>((done) => {
    const close = () => {
      open = false;
      done();
    };
    stdin.on('error', close).once('close', close);
  });
  for await (const piece of input) {
    if (!open) break;
    if (!stdin.write(piece)) await Promise.race([new Promise((done) => stdin.once('drain', done)), closed]);
  }
  stdin.end();
}
