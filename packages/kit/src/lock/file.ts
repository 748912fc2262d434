import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { isMissing, OpsError } from '../errors.ts';
import { isSameProcess, processStart } from '../process/identity.ts';
import { redact } from '../redact.ts';
import { currentActor, currentHost } from '../task/actor.ts';
import { lockedError, lostError } from './refusal.ts';
import type { LockHolder, LockRequest, OperationsLock } from './types.ts';

export interface FileHolder extends LockHolder {
  pid: number;
  processStart: string;
}

export function lockFile(root: string, name: string): string {
  return join(root, '.drydock', 'locks', `${name}.json`);
}

/** Takes `.drydock/locks/<name>.json`. A file whose process is gone is taken over. */
export function acquireFileLock(
  root: string,
  name: string,
  request: LockRequest,
  breakCommand: string,
): OperationsLock {
  const file = lockFile(root, name);
  const holder: FileHolder = {
    owner: redact(currentActor(process.env)),
    host: currentHost(),
    ...request,
    reason: request.reason === undefined ? undefined : redact(request.reason),
    since: new Date().toISOString(),
    pid: process.pid,
    processStart: processStart(process.pid) ?? '',
  };
  const mine = `${file}.${process.pid}`;
  try {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(mine, JSON.stringify(holder), { mode: 0o600 });
  } catch (cause) {
    throw new OpsError({
      code: 'STATE_NOT_WRITABLE',
      message: `The folder ${dirname(file)} cannot be written (${(cause as NodeJS.ErrnoException).code}).`,
      hint: 'Make .drydock writable for you, or free disk space, and run it again.',
      cause,
    });
  }
  try {
    takeOver(file, mine, name, breakCommand);
  } finally {
    rmSync(mine, { force: true });
  }
  return new FileLock(file, name, request.run);
}

/** A hard link is made or refused in one step, whole: no reader ever sees half a lock. */
function takeOver(file: string, mine: string, name: string, breakCommand: string): void {
  for (let attempt = 0; attempt < 2; attempt++) {
    try {
      linkSync(mine, file);
      return;
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw cause;
    }
    const holder = readFileHolder(file);
    if (holder && isAlive(holder)) throw lockedError(name, holder, breakCommand);
    rmSync(file, { force: true });
  }
  throw lockedError(name, readFileHolder(file), breakCommand);
}

export function readFileHolder(file: string): FileHolder | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as FileHolder;
  } catch (cause) {
    if (isMissing(cause) || cause instanceof SyntaxError) return undefined;
    throw cause;
  }
}

/** A holder on another host (a shared folder) cannot be looked at, so it counts as alive. */
export function isAlive(holder: FileHolder): boolean {
  return holder.host !== currentHost() || isSameProcess(holder.pid, holder.processStart);
}

class FileLock implements OperationsLock {
  readonly kind = 'file';
  readonly #file: string;
  readonly #name: string;
  readonly #run: string;

  constructor(file: string, name: string, run: string) {
    this.#file = file;
    this.#name = name;
    this.#run = run;
  }

  async assertHeld(): Promise<void> {
    if (readFileHolder(this.#file)?.run !== this.#run) throw lostError(this.#name);
  }

  /** A file cannot tell when it is taken; assertHeld notices before the next step. */
  onLost(): void {}

  async release(): Promise<void> {
    if (readFileHolder(this.#file)?.run === this.#run) rmSync(this.#file, { force: true });
  }
}
