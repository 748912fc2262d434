import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { writeDurably } from '../durable.ts';
import { entriesOf, readStateFile, setAside } from '../state/file.ts';
import { makeStateFolder, statePath } from '../state/folder.ts';
import { isOwn, type Owner, type Whose } from '../state/owner.ts';
import { type AuditEvent, OUTCOMES } from './types.ts';

/** Events wait here, flushed to disk, until the database has them: `.drydock/outbox/<env>/<id>.json`. */
function folderOf(root: string, env: string): string {
  return statePath(root, 'outbox', env);
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
  outcome: z.enum(OUTCOMES),
  metadata: z.record(z.string(), z.json()),
  by: z.object({ login: z.string() }).nullish(),
});

/** Beside the event: the config whose database is to be told of it. */
const waitingSchema = eventSchema.extend({ of: z.object({ product: z.string(), config: z.string() }).optional() });

export function putInOutbox(root: string, event: AuditEvent, of?: Owner): void {
  const file = join(makeStateFolder(root, 'outbox', event.env), `${event.id}.json`);
  // An event of the same id says the same.
  if (!existsSync(file)) writeDurably(file, JSON.stringify({ ...event, of }));
}

/** Oldest first; with `config`, without what is of another one in the folder. What is no event of this environment is set aside, and told of. */
export function readOutbox(root: string, env: string, config?: Whose): AuditEvent[] {
  const folder = folderOf(root, env);
  return entriesOf(folder)
    .map(({ name }) => name)
    .filter((name) => name.endsWith('.json'))
    .map((name) => readEvent(join(folder, name), name, env))
    .filter((found) => found !== undefined)
    .filter(({ of }) => !config || isOwn(config, of))
    .map(({ of: _, ...event }) => event as AuditEvent)
    .sort((a, b) => (a.at < b.at ? -1 : 1));
}

/** Runs that the audit log has not been told all of, in any environment. */
export function runsInOutbox(root: string): Set<string> {
  const top = statePath(root, 'outbox');
  const events = entriesOf(top).flatMap(({ name }) => readOutbox(root, name));
  return new Set(events.map(({ run }) => run));
}

function readEvent(file: string, name: string, env: string): z.output<typeof waitingSchema> | undefined {
  const event = readStateFile(file, waitingSchema);
  if (!event) return undefined;
  // PostgreSQL's texts have no NUL.
  const isOurs = name === `${event.id}.json` && event.env === env && !JSON.stringify(event).includes('\\u0000');
  if (isOurs) return event;
  setAside(file, `is no audit event of ${env}`);
  return undefined;
}

export function takeFromOutbox(root: string, event: AuditEvent): void {
  rmSync(join(folderOf(root, event.env), `${event.id}.json`), { force: true });
}
