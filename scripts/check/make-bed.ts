import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readFileSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** What the suites of one run stand on. */
export interface Bed {
  /** A new folder for one suite's throw-away services. */
  folder(suite: { roomy?: boolean }): string;
  /** Tells a suite where its folder is, for services and everything temporary, and where the server that it may share. */
  env(folder: string): Record<string, string>;
  /** A suite's process group is ended with the run, until it is told to have ended. */
  began(pid: number): void;
  ended(pid: number): void;
  /** Ends whatever is left, and returns when it has. */
  clear(): Promise<void>;
}

const GIB = 1024 ** 3;

export async function makeBed({ postgres }: { postgres: boolean }): Promise<Bed> {
  const [quick, roomy] = [makeFolder(memoryFolder() ?? tmpdir()), makeFolder(tmpdir())];
  const child = spawn(
    process.execPath,
    [join(import.meta.dirname, 'bed.ts'), ...(postgres ? ['--postgres'] : []), quick, roomy],
    { detached: true, stdio: ['pipe', 'pipe', 'inherit'], env: { ...process.env, DRYDOCK_TEST_ROOT: quick } },
  );
  const exited = once(child, 'exit');
  // One that is gone is told by the suites that miss it, and by `clear`.
  child.stdin.on('error', () => {});
  const shared = await new Promise<{ postgres?: string }>((done, fail) => {
    createInterface({ input: child.stdout }).once('line', (line) => done(JSON.parse(line)));
    child.once('exit', () => fail(new Error('What the suites share could not be started; see above.')));
  });
  return {
    folder: (suite) => makeFolder(suite.roomy ? roomy : quick),
    env: (folder) => ({
      DRYDOCK_TEST_ROOT: folder,
      TMPDIR: folder,
      DRYDOCK_TEST_CACHE: process.env.DRYDOCK_TEST_CACHE ?? tmpdir(),
      ...(shared.postgres ? { DRYDOCK_TEST_POSTGRES: shared.postgres } : {}),
    }),
    began: (pid) => child.stdin.write(`+${pid}\n`),
    ended: (pid) => child.stdin.write(`-${pid}\n`),
    async clear() {
      child.stdin.end();
      const [code] = (await exited) as [number | null];
      if (code !== 0) throw new Error(`What the suites shared could not be cleared up (exit ${code}); see above.`);
    },
  };
}

function makeFolder(parent: string): string {
  const folder = mkdtempSync(join(parent, 'drydock-test-'));
  // As a folder for temporary files is: some services and tests run as another user when we are root.
  chmodSync(folder, 0o1777);
  return folder;
}

/**
 * Most of what tests write is made again and again and read once: in memory that costs a tenth. Undefined where there
 * is little of it, where programs may not run from there, or where TMPDIR says what is wanted.
 */
function memoryFolder(): string | undefined {
  const folder = '/dev/shm';
  if (process.platform !== 'linux' || process.env.TMPDIR) return undefined;
  const mount = readFileSync('/proc/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' '))
    .findLast(([, at]) => at === folder);
  if (mount?.[2] !== 'tmpfs' || mount[3]?.split(',').includes('noexec')) return undefined;
  const { bavail, bsize } = statfsSync(folder);
  return bavail * bsize > 4 * GIB && process.availableMemory() > 8 * GIB ? folder : undefined;
}
