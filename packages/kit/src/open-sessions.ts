import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import type { Client, ClientConfig } from 'pg';

/** Long enough to connect and be answered by a server that is there; nobody waits longer after Ctrl-C. */
const CANCEL_WITHIN_MS = 2_000;
const NO_SUCH_DATABASE = '3D000';

/** How a server is reached; undefined while nobody has. */
type Reached = () => ClientConfig | undefined;

/** Sessions of this process whose statements end with it. */
const sessions = new Map<Client, ClientConfig>();
/** Every session of this process, those too that outlive an interruption. */
const open = new Set<Client>();
/** Programs of PostgreSQL that this process has started, and that run. */
const programs = new Map<ChildProcess, { name: string; reached: Reached }>();
/** What programs that were killed are called on their servers, which may not have noticed. */
const orphaned = new Map<string, Reached>();

/** Told apart from those of any other process of ours, on this machine or another. */
const OURS = `${process.pid}.${randomBytes(4).toString('hex')}`;

/** `config` is how the session was reached. */
export function trackSession(client: Client, config: ClientConfig): void {
  sessions.set(client, config);
  open.add(client);
  client.once('end', () => {
    sessions.delete(client);
    open.delete(client);
  });
}

/** For a session that must outlive an interruption: the one that holds the lock while steps are ended. */
export function keepSession(client: Client): void {
  sessions.delete(client);
}

/** The sessions of this process, as their servers call them. */
export function ownBackends(): number[] {
  return [...open].map(pidOf);
}

/** What the sessions of a program that this process starts are called on the server. */
export function nameOfProgram(program: string): string {
  return `drydock ${program} ${OURS}`;
}

/** It ends with this process, and so does what it has begun on the server. */
export function trackProgram(child: ChildProcess, name: string, reached: Reached): void {
  if (programs.size === 0) process.on('exit', killPrograms);
  programs.set(child, { name, reached });
  child.once('close', (_, signal) => {
    programs.delete(child);
    if (signal) orphaned.set(name, reached);
    if (programs.size === 0) process.off('exit', killPrograms);
  });
}

function killPrograms(): void {
  for (const child of programs.keys()) child.kill('SIGKILL');
}

/**
 * Ends on their servers the statements that sessions of this process are running, and the sessions of its programs: a closed
 * connection alone does not end a statement before it has something to say, and a program that is killed says nothing. Bounded; a
 * server that cannot be reached is left to notice by itself.
 */
export async function cancelStatements(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
  for (const [child, { name, reached }] of programs) {
    child.kill(signal);
    orphaned.set(name, reached);
  }
  const work: Work[] = [
    ...[...sessions].map(([client, config]) => ({ config, pid: pidOf(client) })),
    ...[...orphaned].map(([name, reached]) => ({ config: reached(), name })),
  ];
  const byServer = Map.groupBy(work, ({ config }) => `${config?.user}@${config?.host}:${config?.port}`);
  await Promise.all([...byServer.values()].map(cancelOn));
}

interface Work {
  config: ClientConfig | undefined;
  /** Of a session of ours. */
  pid?: number;
  /** Of sessions of a program. */
  name?: string;
}

async function cancelOn(work: Work[]): Promise<void> {
  const { default: pg } = await import('pg');
  const doors = new Map(work.flatMap(({ config }) => (config ? [[config.database, config]] : [])));
  for (const config of doors.values()) {
    const client = new pg.Client({
      ...config,
      application_name: 'drydock cancel',
      connectionTimeoutMillis: CANCEL_WITHIN_MS,
      query_timeout: CANCEL_WITHIN_MS,
    });
    client.on('error', () => {});
    try {
      await client.connect();
      await cancelBy(client, work);
      return;
    } catch (error) {
      destroySession(client);
      // A scratch database of ours may be gone by now: there is another door. A server that is away, or full, ends them itself: see
      // client_connection_check_interval in settleSession.
      if ((error as { code?: string }).code !== NO_SUCH_DATABASE) return;
    }
  }
}

async function cancelBy(client: Client, work: Work[]): Promise<void> {
  // A pooler makes up the ids that it tells: only a session of our own role is meant.
  await client.query(
    `SELECT CASE WHEN application_name = ANY ($2) THEN pg_terminate_backend(pid) ELSE pg_cancel_backend(pid) END
         FROM pg_stat_activity
        WHERE usename = session_user AND ((pid = ANY ($1) AND state <> 'idle') OR application_name = ANY ($2))`,
    [work.flatMap(({ pid }) => pid ?? []), work.flatMap(({ name }) => name ?? [])],
  );
  // Nobody waits for an answer to that.
  destroySession(client);
}

/** Closes our half at once; `end` would wait for an answer. */
export function destroySession(client: Client): void {
  (client as unknown as { connection?: { stream?: { destroy(): void } } }).connection?.stream?.destroy();
}

function pidOf(client: Client): number {
  return (client as unknown as { processID: number }).processID;
}
