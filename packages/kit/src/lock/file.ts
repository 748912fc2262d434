import { createHash, randomBytes } from 'node:crypto';
import { linkSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { currentActor, currentHost } from '../actor.ts';
import { renameDurably } from '../durable.ts';
import { OpsError } from '../errors.ts';
import type { Hint } from '../hint.ts';
import { isSameProcess, processStart } from '../process/identity.ts';
import { redact } from '../redact.ts';
import { parsed, readOwn, readStateFile } from '../state/file.ts';
import { makeStateFolder, statePath } from '../state/folder.ts';
import { lockedError, lostError } from './refusal.ts';
import type { LockHolder, LockRequest, OperationsLock } from './types.ts';

export interface FileHolder extends LockHolder {
  pid: number;
  processStart: string;
}

const holderSchema = z.object({
  owner: z.string(),
  host: z.string(),
  task: z.string(),
  run: z.string(),
  reason: z.string().optional(),
  since: z.string(),
  pid: z.int().min(2),
  processStart: z.string(),
});

export function lockFile(root: string, name: string): string {
  return join(statePath(root, 'locks'), `${name}.json`);
}

/** Takes `.drydock/locks/<name>.json`. A file whose process is gone is taken over. */
export function acquireFileLock(root: string, name: string, request: LockRequest, breakCommand: Hint): OperationsLock {
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
  // A pid comes again, and what a killed run left under it may be the lock itself, by another name.
  const mine = `${file}.${process.pid}.${randomBytes(4).toString('hex')}`;
  try {
    makeStateFolder(root, 'locks');
    rmSync(mine, { force: true });
    writeFileSync(mine, JSON.stringify(holder), { mode: 0o600, flag: 'wx' });
  } catch (cause) {
    if (cause instanceof OpsError) throw cause;
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

/** How often one that is just being given back or taken over is looked at again. */
const ATTEMPTS = 5;

function takeOver(file: string, mine: string, name: string, breakCommand: Hint): void {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    if (linked(mine, file)) return;
    const text = readOwn(file);
    if (text === undefined) continue;
    const holder = holderIn(text);
    if (holder && isAlive(holder)) throw lockedError(name, holder, breakCommand);
    if (replaced(file, text, mine)) return;
  }
  throw lockedError(name, readFileHolder(file), breakCommand);
}

/** A hard link is made or refused in one step, whole: no reader ever sees half a lock. */
function linked(mine: string, file: string): boolean {
  try {
    linkSync(mine, file);
    return true;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw cause;
    return false;
  }
}

/**
 * Puts `mine` in the place of a lock whose holder is gone. Of several who see that, one may: the one whose lock is linked under a
 * name made of what the dead one says. If that one dies as well, its link is a lock of that kind, and is taken over like any.
 */
function replaced(file: string, dead: string, mine: string): boolean {
  const turn = `${file}.${createHash('sha256').update(dead).digest('hex').slice(0, 16)}`;
  if (!linked(mine, turn)) {
    const other = readOwn(turn);
    const holder = other === undefined ? undefined : holderIn(other);
    if (other === undefined || (holder && isAlive(holder)) || !replaced(turn, other, mine)) return false;
  }
  try {
    // Whoever had the turn before may have used it.
    if (readOwn(file) !== dead) return false;
    const copy = `${mine}.copy`;
    linkSync(mine, copy);
    renameDurably(copy, file);
    return true;
  } finally {
    rmSync(turn, { force: true });
  }
}

/** Undefined for what is no lock: it was not written by us. */
function holderIn(text: string): FileHolder | undefined {
  const { data } = holderSchema.safeParse(parsed(text));
  return data && { ...data, reason: data.reason };
}

/** What is no lock of ours is set aside: nobody holds anything by it. */
export function readFileHolder(file: string): FileHolder | undefined {
  const holder = readStateFile(file, holderSchema);
  return holder && { ...holder, reason: holder.reason };
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
