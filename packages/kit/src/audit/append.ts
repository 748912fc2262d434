import { ulid } from 'ulid';
import type { LoadedConfig } from '../config/load.ts';
import { operatorUrl } from '../env/operator-url.ts';
import type { Environment } from '../env/types.ts';
import type { Json } from '../json.ts';
import { connectPostgres, isDatabaseMissing, isUnreachable } from '../postgres.ts';
import { redact } from '../redact.ts';
import { putInOutbox, readOutbox, takeFromOutbox } from './outbox.ts';
import { insertEvent } from './store.ts';
import type { AuditEvent } from './types.ts';

export interface AppendInput extends Omit<AuditEvent, 'id' | 'at' | 'env' | 'reason'> {
  config: LoadedConfig;
  reason: string | undefined;
  /** Given, the event is written once however often this is called. */
  id?: string;
}

/**
 * Puts an event into the outbox, then everything in the outbox into the database. `waiting`: the database is away;
 * the next run on this environment writes it.
 */
export async function appendAudit(
  environment: Environment,
  { config, id, ...input }: AppendInput,
): Promise<'written' | 'waiting'> {
  const event: AuditEvent = {
    ...input,
    id: id ?? ulid(),
    at: new Date().toISOString(),
    env: environment.name,
    reason: input.reason ?? null,
    metadata: JSON.parse(redact(JSON.stringify(input.metadata))) as { [key: string]: Json },
  };
  putInOutbox(config.root, event);
  return flushOutbox(environment, config);
}

async function flushOutbox(environment: Environment, config: LoadedConfig): Promise<'written' | 'waiting'> {
  let client: Awaited<ReturnType<typeof connectPostgres>>;
  try {
    client = await connectPostgres(operatorUrl(config, environment), 'drydock audit');
  } catch (error) {
    if (isUnreachable(error) || isDatabaseMissing(error)) return 'waiting';
    throw error;
  }
  try {
    for (const event of readOutbox(config.root, environment.name)) {
      await insertEvent(client, event);
      takeFromOutbox(config.root, event);
    }
    return 'written';
  } finally {
    await client.end();
  }
}
