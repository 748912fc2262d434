import { userInfo } from 'node:os';
import type { Client } from 'pg';
import { ulid } from 'ulid';
import type { LoadedConfig } from '../config/load.ts';
import { operatorUrl } from '../env/operator-url.ts';
import type { Environment } from '../env/types.ts';
import { OpsError } from '../errors.ts';
import { command, hint } from '../hint.ts';
import { connectPostgres, isDatabaseMissing, isUnreachable } from '../postgres.ts';
import { redact, redactData } from '../redact.ts';
import { note } from '../state/notices.ts';
import { ownerOf } from '../state/owner.ts';
import { keepAnchor } from './anchor.ts';
import { putInOutbox, readOutbox, takeFromOutbox } from './outbox.ts';
import { insertEvent, readHead } from './store.ts';
import type { AuditEvent } from './types.ts';

export interface AppendInput extends Omit<AuditEvent, 'id' | 'at' | 'env' | 'reason' | 'by'> {
  config: LoadedConfig;
  reason: string | undefined;
  /** Given, the event is written once however often this is called. */
  id?: string;
}

export interface Appended {
  /** `waiting`: the database is away, or takes no writes; the next run on this environment writes it. */
  state: 'written' | 'waiting';
}

/**
 * Puts an event into the outbox, then everything in the outbox into the database. Texts are masked before they are kept. Where the
 * disk takes nothing, the database is told at once.
 */
export async function appendAudit(environment: Environment, { config, ...input }: AppendInput): Promise<Appended> {
  const event = eventOf(environment.name, input);
  let unwritten: unknown;
  try {
    putInOutbox(config.root, event, ownerOf(config));
  } catch (error) {
    unwritten = error;
  }
  const { state } = await flushAudit(environment, config, unwritten ? [event] : []);
  if (state === 'written' || !unwritten) return { state };
  throw new OpsError({
    code: 'AUDIT_NOT_WRITTEN',
    message: `The audit event ${event.event} of ${environment.name} could be written neither into the database, which is away, nor beside the journal (${(unwritten as NodeJS.ErrnoException).code ?? (unwritten as Error).message}).`,
    hint: 'Free disk space, or make .drydock writable for you.',
    cause: unwritten,
  });
}

/** Only into the outbox, for the next run to write: where the database cannot be waited for. */
export function leaveForAudit(env: string, { config, ...input }: AppendInput): void {
  putInOutbox(config.root, eventOf(env, input), ownerOf(config));
}

function eventOf(env: string, { id, ...input }: Omit<AppendInput, 'config'>): AuditEvent {
  return {
    ...input,
    id: id ?? ulid(),
    at: new Date().toISOString(),
    env,
    actor: redact(input.actor),
    reason: input.reason === undefined ? null : redact(input.reason),
    metadata: redactData(input.metadata),
    by: { login: login() },
  };
}

function login(): string {
  try {
    return userInfo().username;
  } catch {
    // A container's uid may have no name.
    return `uid ${process.geteuid?.() ?? '?'}`;
  }
}

/** Everything in the outbox into the database. */
export async function flushAudit(
  environment: Environment,
  config: LoadedConfig,
  more: readonly AuditEvent[] = [],
): Promise<Appended> {
  let client: Client;
  try {
    client = await connectPostgres(operatorUrl(config, environment), 'drydock audit');
  } catch (error) {
    if (isUnreachable(error) || isDatabaseMissing(error)) return { state: 'waiting' };
    throw error;
  }
  try {
    for (const event of [...readOutbox(config.root, environment.name, config), ...more]) {
      await insertEvent(client, event);
      takeFromOutbox(config.root, event);
    }
    const lost = await keepAnchor(client, config, environment.name, await readHead(client));
    if (lost) note(hint`${lost} Look into it: ${command('ops:log', { env: environment.name })}`);
    return { state: 'written' };
  } catch (error) {
    if ((error as { code?: string }).code === READ_ONLY) return { state: 'waiting' };
    throw error;
  } finally {
    await client.end();
  }
}

/** SQLSTATE read_only_sql_transaction. */
const READ_ONLY = '25006';
