import { createHash } from 'node:crypto';
import type { Json } from '../json.ts';
import type { AuditEvent, ChainedEvent } from './types.ts';

/** The hash before the first event. */
export const GENESIS = '0'.repeat(64);

/** SHA-256 over the hash before, the position and the event in canonical JSON (keys sorted). */
export function hashEvent(prevHash: string, seq: number, event: AuditEvent): string {
  const { id, at, actor, task, env, run, event: name, reason, outcome, metadata, by } = event;
  const content = { id, at, actor, task, env, run, event: name, reason, outcome, metadata, ...(by ? { by } : {}) };
  return createHash('sha256')
    .update(`${prevHash}\n${seq}\n${canonicalJson(content)}`)
    .digest('hex');
}

export interface Head {
  seq: number;
  hash: string;
}

/** Follows a chain event by event, oldest first, and keeps the first thing that is wrong with it. */
export class ChainCheck {
  #previous: Head = { seq: 0, hash: GENESIS };
  #broken: string | undefined;

  follow(event: ChainedEvent): void {
    this.#broken ??= wrongAt(event, this.#previous);
    this.#previous = { seq: event.seq, hash: event.hash };
  }

  /** As a part of a sentence, naming the first bad row; undefined if nothing is wrong. */
  end(head: Head | undefined): string | undefined {
    return this.#broken ?? wrongAtEnd(this.#previous, head);
  }
}

/** What is wrong with a whole chain. */
export function findBreak(events: readonly ChainedEvent[], head: Head | undefined): string | undefined {
  const check = new ChainCheck();
  for (const event of events) check.follow(event);
  return check.end(head);
}

function wrongAt(event: ChainedEvent, previous: Head): string | undefined {
  if (event.seq !== previous.seq + 1)
    return `event ${previous.seq + 1} is missing before event ${event.seq} (${event.id})`;
  if (event.prevHash !== previous.hash)
    return `event ${event.seq} (${event.id}) does not follow the one before it: a row was replaced`;
  if (hashEvent(event.prevHash, event.seq, event) !== event.hash)
    return `event ${event.seq} (${event.id}) was edited after it was written`;
  return undefined;
}

function wrongAtEnd(last: Head, head: Head | undefined): string | undefined {
  if (!head) return last.seq > 0 ? 'its head is missing, which says how many events were written' : undefined;
  if (head.seq > last.seq) return `events after ${last.seq} are missing: ${head.seq} were written`;
  return head.hash === last.hash ? undefined : `the last event (${last.seq}) is not the one that was written last`;
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
