import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { renameDurably, writeDurably } from '../durable.ts';
import { isMissing } from '../errors.ts';
import type { AuditEvent } from './types.ts';

/** Events wait here, flushed to disk, until the database has them: `.drydock/outbox/<env>/<id>.json`. */
function folderOf(root: string, env: string): string {
  return join(root, '.drydock', 'outbox', env);
}

/** The run's id, and a word of the step's own: no path. */
const ID = /^[^./\\][^/\\]{0,240}$/;

/** What a file there has to be. One that is something else was not put there by us. */
const eventSchema = z.object({
  id: z.string().regex(ID),
  at: z.iso.datetime(),
  actor: z.string(),
  task: z.string(),
  env: z.string(),
  run: z.string(),
  event: z.string(),
  reason: z.string().nullable(),
  outcome: z.enum(['done', 'failed']),
  metadata: z.record(z.string(), z.json()),
});

export function putInOutbox(root: string, event: AuditEvent): void {
  writeDurably(join(folderOf(root, event.env), `${event.id}.json`), JSON.stringify(event));
}

export interface Outbox {
  /** Oldest first. */
  events: AuditEvent[];
  /** Files that are no events of this environment. They were renamed, and are not looked at again. */
  setAside: string[];
}

export function readOutbox(root: string, env: string): Outbox {
  const folder = folderOf(root, env);
  let names: string[];
  try {
    names = readdirSync(folder);
  } catch (cause) {
    if (isMissing(cause)) return { events: [], setAside: [] };
    throw cause;
  }
  const events: AuditEvent[] = [];
  const setAside: string[] = [];
  for (const name of names.filter((one) => one.endsWith('.json'))) {
    const event = readEvent(join(folder, name), name, env);
    if (event) events.push(event);
    else {
      renameDurably(join(folder, name), join(folder, `${name}.set-aside`));
      setAside.push(join(folder, `${name}.set-aside`));
    }
  }
  return { events: events.sort((a, b) => (a.at < b.at ? -1 : 1)), setAside };
}

function readEvent(file: string, name: string, env: string): AuditEvent | undefined {
  const read = eventSchema.safeParse(parsed(readFileSync(file, 'utf8')));
  if (!read.success || name !== `${read.data.id}.json` || read.data.env !== env) return undefined;
  // PostgreSQL's texts have no NUL.
  return JSON.stringify(read.data).includes('\\u0000') ? undefined : (read.data as AuditEvent);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

export function takeFromOutbox(root: string, event: AuditEvent): void {
  rmSync(join(folderOf(root, event.env), `${event.id}.json`), { force: true });
}
