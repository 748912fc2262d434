import { readEventsNamed } from '@drydock/kit';
import type { Client } from 'pg';

/** Rotations that are looked back at. */
const MOST = 10_000;

/** What the audit log tells of rotations that have ended, `secret.rotated`: when it was last, by secret and by variable. */
export interface LastRotated {
  secrets: ReadonlyMap<string, string>;
  variables: ReadonlyMap<string, string>;
}

export async function readLastRotated(client: Client, env: string): Promise<LastRotated> {
  const [secrets, variables] = [new Map<string, string>(), new Map<string, string>()];
  // Newest first.
  for (const { at, env: of, metadata } of await readEventsNamed(client, 'secret.rotated', MOST)) {
    if (of !== env) continue;
    const { secret, variables: named } = metadata as { secret?: unknown; variables?: unknown };
    if (typeof secret === 'string' && !secrets.has(secret)) secrets.set(secret, at);
    for (const name of Array.isArray(named) ? named.map(String) : []) if (!variables.has(name)) variables.set(name, at);
  }
  return { secrets, variables };
}
