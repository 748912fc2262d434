import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { OpsError, requireTool } from '@drydock/kit';
import { walkTree } from './tree.ts';

export interface PackOptions {
  /** Of every file, in seconds since 1970: servers make their ETags of it, so it is the commit's. */
  time: number;
  /** Of every member, as chmod says it; by itself 0644 for files, 0755 for folders and programs. */
  mode?: string;
  /** Before every path: `app/`. */
  prefix?: string;
  /** Which paths; by default all. */
  only?(path: string): boolean;
  signal: AbortSignal;
}

/**
 * A tree as GNU tar writes it, the same bytes for the same tree: sorted, one time, no owner, modes of two kinds, and no hard links
 * (which files of a package manager's store share an inode is chance).
 */
export async function* packTree(root: string, options: PackOptions): AsyncGenerator<Buffer> {
  const { time, mode = 'u+rw,go+r-w,a+X', prefix = '', only = () => true, signal } = options;
  const paths = [...walkTree(root)].map(({ path }) => path).filter(only);
  const tar = spawn(
    requireTool('tar'),
    [
      '--create',
      '--format=gnu',
      '--no-recursion',
      `--mtime=@${time}`,
      '--owner=0',
      '--group=0',
      '--numeric-owner',
      `--mode=${mode}`,
      '--hard-dereference',
      // Of members alone: where a link points to stays.
      ...(prefix ? [`--transform=flags=rSH;s,^,${prefix},`] : []),
      '--null',
      '--verbatim-files-from',
      '--files-from=-',
    ],
    { cwd: root, stdio: ['pipe', 'pipe', 'pipe'], env: { PATH: process.env.PATH, LC_ALL: 'C' }, signal },
  );
  const ended = endOf(tar);
  // What it could not read to the end it says itself.
  tar.stdin?.on('error', () => {});
  tar.stdin?.end(paths.map((path) => `${path}\0`).join(''));
  yield* tar.stdout as Readable;
  await ended;
}

/** Unpacks a tar into a folder that is there; nothing of it gets out of the folder. */
export async function unpackTree(tarred: AsyncIterable<Uint8Array>, into: string, signal: AbortSignal): Promise<void> {
  const tar = spawn(
    requireTool('tar'),
    ['--extract', '--preserve-permissions', '--no-same-owner', '--file=-', '--directory', into],
    { stdio: ['pipe', 'ignore', 'pipe'], env: { PATH: process.env.PATH, LC_ALL: 'C' }, signal },
  );
  const ended = endOf(tar);
  const [fed, end] = await Promise.allSettled([
    pipeline(tarred, tar.stdin as NodeJS.WritableStream, { signal }),
    ended,
  ]);
  signal.throwIfAborted();
  // tar stops at the end of the archive, and breaks the pipe: what it says of itself comes first.
  if (end.status === 'rejected' && (fed.status === 'fulfilled' || isBrokenPipe(fed.reason))) throw end.reason;
  if (fed.status === 'rejected' && !(end.status === 'fulfilled' && isBrokenPipe(fed.reason))) throw fed.reason;
}

function isBrokenPipe(cause: unknown): boolean {
  return ['EPIPE', 'ERR_STREAM_PREMATURE_CLOSE'].includes((cause as NodeJS.ErrnoException).code ?? '');
}

async function endOf(tar: ChildProcess): Promise<void> {
  let said = '';
  tar.stderr?.setEncoding('utf8').on('data', (text: string) => {
    said = `${said}${text}`.slice(-2_000);
  });
  const [code] = (await once(tar, 'close')) as [number | null];
  if (code === 0) return;
  if (/No space left|quota exceeded/i.test(said))
    throw new OpsError({
      code: 'DISK_FULL',
      message: `The disk is full: ${said.trim().split('\n').at(-1)}`,
      hint: 'Free space, and run it again.',
    });
  throw new OpsError({
    code: 'TAR_FAILED',
    message: `tar ended with exit code ${code}: ${said.trim().split('\n').slice(-3).join(' | ') || 'it said nothing'}`,
    hint: 'GNU tar 1.29 or later is needed, and room on the disk.',
  });
}
