import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { isMissing } from '../errors.ts';
import type { AuditEvent } from './types.ts';

/** Events wait here, flushed to disk, until the database has them: `.drydock/outbox/<env>/<id>-<event>.json`. */
function folderOf(root: string, env: string): string {
  return join(root, '.drydock', 'outbox', env);
}

export function putInOutbox(root: string, event: AuditEvent): void {
  const folder = folderOf(root, event.env);
  mkdirSync(folder, { recursive: true });
  const file = join(folder, `${event.id}.json`);
  const fd = openSync(`${file}.new`, 'w', 0o600);
  try {
    writeSync(fd, JSON.stringify(event));
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  renameSync(`${file}.new`, file);
}

/** Oldest first. */
export function readOutbox(root: string, env: string): AuditEvent[] {
  let names: string[];
  try {
    names = readdirSync(folderOf(root, env));
  } catch (cause) {
    if (isMissing(cause)) return [];
    throw cause;
  }
  return names
    .filter((name) => name.endsWith('.json'))
    .map((name) => JSON.parse(readFileSync(join(folderOf(root, env), name), 'utf8')) as AuditEvent)
    .sort((a, b) => (a.at < b.at ? -1 : 1));
}

export function takeFromOutbox(root: string, event: AuditEvent): void {
  rmSync(join(folderOf(root, event.env), `${event.id}.json`), { force: true });
}
