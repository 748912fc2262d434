import { fstatSync, mkdtempSync, openSync, readSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { runForeground, temporaryFolder } from '@drydock/kit';
import type { CheckIn } from './check-in.ts';

/** One task of a scheduled job, as a script of its own. */
export interface ScheduledTask {
  name: string;
  script: string;
  args: string[];
}

export interface ScheduledRun {
  tasks: ScheduledTask[];
  /** Runs one and gives its exit code. */
  run(task: ScheduledTask): Promise<number>;
  /** Tells the monitor; undefined where there is none. */
  checkIn: CheckIn | undefined;
  /** Something that whoever reads the log should know. */
  warn(text: string): void;
}

/**
 * One task after the other, and the exit code of the first that failed. What comes after that one is left: nothing is
 * pruned on a day without a new backup. However it ends, the monitor is told.
 */
export async function runScheduled({ tasks, run, checkIn, warn }: ScheduledRun): Promise<number> {
  const tell = async (status: 'ok' | 'error') => {
    if (checkIn && !(await checkIn.close(status))) warn(`Sentry could not be told of this run (${status}).`);
  };
  let code = 0;
  try {
    for (const task of tasks) {
      code = await run(task);
      if (code !== 0) break;
    }
  } catch (error) {
    await tell('error');
    throw error;
  }
  await tell(code === 0 ? 'ok' : 'error');
  return code;
}

/** What tasks say, for as long as it is not known whether anybody has to read it. */
export class Kept {
  /** Of a file that has no name any more. */
  readonly fd: number;

  constructor() {
    const folder = mkdtempSync(join(temporaryFolder(), 'drydock-said-'));
    this.fd = openSync(join(folder, 'said'), 'wx+', 0o600);
    rmSync(folder, { recursive: true });
  }

  /** As much of its end as a mail may have. */
  text(): string {
    const { size } = fstatSync(this.fd);
    const end = Buffer.alloc(Math.min(size, MOST_BYTES));
    readSync(this.fd, end, 0, end.length, size - end.length);
    return end.toString('utf8');
  }
}

const MOST_BYTES = 1 << 20;

/** The same Node, this process's output (stderr alone, or what is kept), nobody to ask. A signal to us alone reaches the child as well. */
export function runScript({ script, args }: ScheduledTask, to: 'inherit' | 2 | Kept = 'inherit'): Promise<number> {
  const stdio = to instanceof Kept ? ['ignore' as const, to.fd, to.fd] : ['ignore' as const, to, 'inherit' as const];
  return runForeground(process.execPath, [...process.execArgv, script, ...args], { stdio });
}
