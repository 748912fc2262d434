import { spawn } from 'node:child_process';
import { closeSync, constants, openSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { writeDurably } from '../durable.ts';
import { OpsError } from '../errors.ts';
import { command, hint } from '../hint.ts';
import { entriesOf, readStateFile, setAside } from '../state/file.ts';
import { isPlainName, makeConfiguredFolder, makeStateFolder, statePath } from '../state/folder.ts';
import { isSameProcess, processStart } from './identity.ts';
import { isTakenOff } from './table.ts';
import { endTree } from './tree.ts';

export interface DaemonSpec {
  name: string;
  command: string;
  args: string[];
  /** The whole environment of the process; it is not kept in the record. */
  env: NodeJS.ProcessEnv;
  cwd: string;
  logFile: string;
  uid?: number;
  gid?: number;
  port?: number;
  /** What it writes is for its own user alone. */
  private?: boolean;
  /** What asks it to end; default SIGTERM (PostgreSQL's fast shutdown is SIGINT). */
  stopSignal?: NodeJS.Signals;
}

/** `.drydock/processes/<name>.json`: the pid with its start time, so that a pid used again is never taken for ours. */
export interface DaemonRecord {
  name: string;
  pid: number;
  processStart: string;
  command: string;
  port?: number;
  logFile: string;
  stopSignal: NodeJS.Signals;
  startedAt: string;
}
export type DaemonState = DaemonRecord & { alive: boolean };

/** How long the parent of a process that has ended may take to ask for its end; one that never asks holds up nobody for good. */
const TAKEN_OFF_MS = 5_000;

/** Starts a process that outlives us, in a group of its own, and records it before returning. */
export async function startDaemon(root: string, spec: DaemonSpec): Promise<DaemonRecord> {
  makeConfiguredFolder(root, dirname(spec.logFile));
  const { O_WRONLY, O_APPEND, O_CREAT, O_NOFOLLOW } = constants;
  const log = openSync(spec.logFile, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW, 0o600);
  const umask = spec.private ? process.umask(0o077) : undefined;
  try {
    const child = spawn(spec.command, spec.args, {
      cwd: spec.cwd,
      env: spec.env,
      detached: true,
      stdio: ['ignore', log, log],
      ...(spec.uid === undefined ? {} : { uid: spec.uid }),
      ...(spec.gid === undefined ? {} : { gid: spec.gid }),
    });
    if (umask !== undefined) process.umask(umask);
    await new Promise((done, fail) => child.once('spawn', done).once('error', fail));
    child.unref();
    const pid = child.pid as number;
    const start = processStart(pid);
    const record: DaemonRecord = {
      name: spec.name,
      pid,
      processStart: start ?? '',
      command: spec.command,
      ...(spec.port === undefined ? {} : { port: spec.port }),
      logFile: spec.logFile,
      stopSignal: spec.stopSignal ?? 'SIGTERM',
      startedAt: new Date().toISOString(),
    };
    // One that has ended already has no start, and there is nothing of it to end.
    if (start === undefined) rmSync(recordFile(root, spec.name), { force: true });
    else writeRecord(root, record);
    return record;
  } catch (cause) {
    throw new OpsError({
      code: 'PROCESS_NOT_STARTED',
      message: `${spec.name} could not be started (${(cause as Error).message}).`,
      hint: hint`See what is missing: ${command('doctor')}`,
      cause,
    });
  } finally {
    closeSync(log);
  }
}

export async function listDaemons(root: string): Promise<DaemonState[]> {
  return entriesOf(folderOf(root))
    .map(({ name }) => name)
    .filter((name) => name.endsWith('.json'))
    .map((name) => readRecord(join(folderOf(root), name)))
    .filter((record) => record !== undefined)
    .map((record) => ({ ...record, alive: isSameProcess(record.pid, record.processStart) }));
}

/** Asks a recorded process to end, ends its whole tree within the grace, and forgets it. Not running is fine. */
export async function stopDaemon(root: string, name: string, { graceMs }: { graceMs: number }): Promise<void> {
  const record = (await listDaemons(root)).find((daemon) => daemon.name === name);
  if (!record) return;
  if (isSameProcess(record.pid, record.processStart))
    await endTree(record.pid, { graceMs, leaderFirst: record.stopSignal });
  if (isSameProcess(record.pid, record.processStart)) throw notEnded(record);
  // PostgreSQL does not start while the pid of the one before is in the table.
  const deadline = Date.now() + TAKEN_OFF_MS;
  while (!isTakenOff(record.pid, record.processStart) && Date.now() < deadline) await sleep(10);
  rmSync(recordFile(root, name), { force: true });
}

/** A process in an uninterruptible wait cannot be killed until that ends. */
function notEnded({ name, pid }: DaemonRecord): OpsError {
  return new OpsError({
    code: 'PROCESS_NOT_ENDED',
    message: `${name} (process ${pid}) was killed and has not ended: it waits for the system.`,
    hint: `See what for: ps -o stat,wchan:30,args -p ${pid}`,
  });
}

function folderOf(root: string): string {
  return statePath(root, 'processes');
}

function recordFile(root: string, name: string): string {
  return join(folderOf(root), `${name}.json`);
}

function writeRecord(root: string, record: DaemonRecord): void {
  writeDurably(join(makeStateFolder(root, 'processes'), `${record.name}.json`), JSON.stringify(record, null, 2));
}

/** A record is believed as far as it can be one of ours: 0, 1 and a negative pid mean everybody, the system, or a whole group. */
const recordSchema = z.object({
  name: z.string().refine(isPlainName),
  pid: z.int().min(2),
  processStart: z.string().min(1),
  command: z.string(),
  port: z.int().min(1).max(65_535).optional(),
  logFile: z.string(),
  stopSignal: z.enum(['SIGTERM', 'SIGINT', 'SIGQUIT']),
  startedAt: z.string(),
});

function readRecord(file: string): DaemonRecord | undefined {
  const record = readStateFile(file, recordSchema) as DaemonRecord | undefined;
  if (!record || `${record.name}.json` === basename(file)) return record;
  setAside(file, `is the record of ${record.name}`);
  return undefined;
}
