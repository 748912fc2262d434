import { createHash } from 'node:crypto';
import type { Json } from '../json.ts';
import type { AuditEvent, ChainedEvent } from './types.ts';

/** The hash before the first event. */
export const GENESIS = '0'.repeat(64);

/** SHA-256 over the hash before, the position and the event in canonical JSON (keys sorted). */
export function hashEvent(prevHash: string, seq: number, event: AuditEvent): string {
  const { id, at, actor, task, env, run, event: name, reason, outcome, metadata } = event;
  const content = { id, at, actor, task, env, run, event: name, reason, outcome, metadata };
  return createHash('sha256')
    .update(`${prevHash}\n${seq}\n${canonicalJson(content)}`)
    .digest('hex');
}

/** What is wrong with a chain, naming the first bad row; undefined if nothing is. */
export function findBreak(events: ChainedEvent[], head: { seq: number; hash: string } | undefined): string | undefined {
  let previous = { seq: 0, hash: GENESIS };
  for (const event of events) {
    if (event.seq !== previous.seq + 1)
      return `event ${previous.seq + 1} is missing before event ${event.seq} (${event.id})`;
    if (event.prevHash !== previous.hash)
      return `event ${event.seq} (${event.id}) does not follow the one before it: a row was replaced`;
    if (hashEvent(event.prevHash, event.seq, event) !== event.hash)
      return `event ${event.seq} (${event.id}) was edited after it was written`;
    previous = { seq: event.seq, hash: event.hash };
  }
  if (!head && events.length > 0) return 'its head is missing, which says how many events were written';
  if (head && head.seq > previous.seq) return `events after ${previous.seq} are missing: ${head.seq} were written`;
  if (head && head.hash !== previous.hash)
    return `the last event (${previous.seq}) is not the one that was written last`;
  return undefined;
}

function canonicalJson(value: Json | undefined): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (value !== null && typeof value === 'object') {
    const entries = Object.entries(value).filter(([, v]) => v !== undefined);
    return `{${entries
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([k, v]) => `${JSON.stringify(k)}:${canonicalJson(v)}`)
      .join(',')}}`;
  }
  return JSON.stringify(value ?? null);
}
