import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeStateFolder } from '@drydock/kit';
import type { Bed } from './make-bed.ts';
import type { Suite } from './suites.ts';
import { kill, sweep } from './sweep.ts';
import { type Took, takeTimes, timed } from './times.ts';

export interface Around {
  root: string;
  bed: Bed;
  signal: AbortSignal;
}

export interface Outcome extends Took {
  suite: Suite;
  passed: number;
  failed: number;
  log: string;
}

/** Runs one suite with a folder of its own for throw-away services, and sweeps what it left behind. */
export async function runSuite(suite: Suite, around: Around): Promise<Outcome> {
  const logs = makeStateFolder(around.root, 'test-logs');
  const log = join(logs, `${suite.name.replaceAll(/[^\w.-]+/g, '_')}.log`);
  const services = around.bed.folder(suite);
  const started = performance.now();
  try {
    const code = await run(suite, { log, services, ...around });
    const { passed, failed } = count(suite, readFileSync(log, 'utf8'), code);
    return { suite, passed, failed, ms: performance.now() - started, cpuMs: takeTimes(`${log}.times`), log };
  } finally {
    await sweep(services);
  }
}

interface Run extends Around {
  log: string;
  services: string;
}

async function run(suite: Suite, { root, bed, log, services, signal }: Run): Promise<number> {
  const fd = openSync(log, 'w');
  try {
    const child = spawn(...timed(suite.command, suite.args, `${log}.times`), {
      cwd: root,
      stdio: ['ignore', fd, fd],
      detached: true,
      env: {
        ...process.env,
        ...bed.env(services),
        // The one that is shared is of the machine's own version.
        ...(suite.env ? { ...suite.env, DRYDOCK_TEST_POSTGRES: undefined } : {}),
        // Half of a suite's start is compiling what the one before compiled.
        NODE_COMPILE_CACHE: join(root, 'node_modules/.cache/drydock-tests'),
        NO_COLOR: '1',
        FORCE_COLOR: '0',
      },
    });
    const exited = new Promise<number>((done, fail) =>
      child.once('error', fail).once('exit', (exit) => done(exit ?? 1)),
    );
    const { pid } = child;
    if (!pid) return await exited;
    bed.began(pid);
    const end = () => kill(-pid);
    const timer = setTimeout(end, suite.timeoutMs);
    signal.addEventListener('abort', end, { once: true });
    const code = await exited;
    clearTimeout(timer);
    signal.removeEventListener('abort', end);
    // What it left in its own group.
    end();
    bed.ended(pid);
    return code;
  } finally {
    closeSync(fd);
  }
}

/** A suite that crashed, timed out or ran no test has failed, whatever it printed. */
export function count(suite: Pick<Suite, 'counts'>, output: string, code: number): { passed: number; failed: number } {
  if (suite.counts === 'exit') return code === 0 ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 };
  const { passed, failed } = suite.counts === 'uvu' ? countUvu(output) : countPlaywright(output);
  const unclear = passed + failed === 0 || (code !== 0 && failed === 0);
  return { passed, failed: unclear ? failed + 1 : failed };
}

function countUvu(output: string): { passed: number; failed: number } {
  const sum = (label: string) =>
    [...output.matchAll(new RegExp(`^\\s+${label}:\\s+(\\d+)`, 'gm'))].reduce((all, [, n]) => all + Number(n), 0);
  // What is skipped is not in the total.
  const [total, passed] = [sum('Total'), sum('Passed')];
  return { passed, failed: total - passed };
}

function countPlaywright(output: string): { passed: number; failed: number } {
  const last = (label: string) => Number([...output.matchAll(new RegExp(`(\\d+) ${label}`, 'g'))].at(-1)?.[1] ?? 0);
  return { passed: last('passed'), failed: last('failed') + last('did not run') };
}
