import { ulid } from 'ulid';
import type { LoadedConfig } from '../config/load.ts';
import { operatorUrl } from '../env/operator-url.ts';
import type { Environment } from '../env/types.ts';
import { connectPostgres, isDatabaseMissing, isUnreachable } from '../postgres.ts';
import { redact, redactData } from '../redact.ts';
import { putInOutbox, readOutbox, takeFromOutbox } from './outbox.ts';
import { insertEvent } from './store.ts';
import type { AuditEvent } from './types.ts';

export interface AppendInput extends Omit<AuditEvent, 'id' | 'at' | 'env' | 'reason'> {
  config: LoadedConfig;
  reason: string | undefined;
  /** Given, the event is written once however often this is called. */
  id?: string;
}

export interface Appended {
  /** `waiting`: the database is away, or takes no writes; the next run on this environment writes it. */
  state: 'written' | 'waiting';
  /** Files of the outbox that are no events. */
  setAside: string[];
}

/**
 * Puts an event into the outbox, then everything in the outbox into the database. Texts
 * are masked before they are kept.
 */
export async function appendAudit(environment: Environment, { config, id, ...input }: AppendInput): Promise<Appended> {
  const event: AuditEvent = {
    ...input,
    id: id ?? ulid(),
    at: new Date().toISOString(),
    env: environment.name,
    actor: redact(input.actor),
    reason: input.reason === undefined ? null : redact(input.reason),
    metadata: redactData(input.metadata),
  };
  putInOutbox(config.root, event);
  return flushOutbox(environment, config);
}

async function flushOutbox(environment: Environment, config: LoadedConfig): Promise<Appended> {
  let client: Awaited<ReturnType<typeof connectPostgres>>;
  try {
    client = await connectPostgres(operatorUrl(config, environment), 'drydock audit');
  } catch (error) {
    if (isUnreachable(error) || isDatabaseMissing(error)) return { state: 'waiting', setAside: [] };
    throw error;
  }
  try {
    const { events, setAside } = readOutbox(config.root, environment.name);
    for (const event of events) {
      await insertEvent(client, event);
      takeFromOutbox(config.root, event);
    }
    return { state: 'written', setAside };
  } catch (error) {
    if ((error as { code?: string }).code === READ_ONLY) return { state: 'waiting', setAside: [] };
    throw error;
  } finally {
    await client.end();
  }
}

/** SQLSTATE read_only_sql_transaction. */
const READ_ONLY = '25006';
