import { setTimeout as sleep } from 'node:timers/promises';
import type { Straggler } from '../types.ts';
import type { RedisLink } from './link.ts';

/** Anywhere in a connection's name: the fingerprint of the value that it was opened with, as secrets:status shows it. */
const GENERATION = /sha256:[0-9a-f]{12}/;
const DRAIN_MS = 2_000;
const POLL_MS = 50;

export interface Whose {
  user: string;
  /** The name of our own connections. */
  ours: string;
}

export interface RedisConnection {
  node: RedisLink;
  id: string;
  user: string;
  name: string;
  address: string;
  library: string;
  ageSeconds: number;
  idleSeconds: number;
  /** `S`: a replica, `M`: a master, … (CLIENT LIST). */
  flags: string;
}

/** Connections of a user, ours among them. */
export async function allConnectionsOf(nodes: readonly RedisLink[], user: string): Promise<RedisConnection[]> {
  const lists = await Promise.all(
    nodes.map(async (node) => ({ node, text: String(await node.call('CLIENT', 'LIST')) })),
  );
  return lists.flatMap(({ node, text }) =>
    text
      .split('\n')
      .filter(Boolean)
      .map((line) => connectionIn(node, line))
      .filter((connection) => connection.user === user),
  );
}

/** Those of the product: without ours. */
export async function connectionsOf(nodes: readonly RedisLink[], { user, ours }: Whose): Promise<RedisConnection[]> {
  return (await allConnectionsOf(nodes, user)).filter(({ name }) => name !== ours);
}

function connectionIn(node: RedisLink, line: string): RedisConnection {
  // No value has a space: names of users and connections may not.
  const fields = Object.fromEntries(
    line.split(' ').map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]),
  );
  return {
    node,
    id: fields.id ?? '',
    user: fields.user ?? '',
    name: fields.name ?? '',
    address: fields.addr ?? '',
    library: fields['lib-name'] ?? '',
    ageSeconds: Number(fields.age ?? 0),
    idleSeconds: Number(fields.idle ?? 0),
    flags: fields.flags ?? '',
  };
}

/** Which value it was opened with: this one, another one, or nobody can tell. */
export function generationOf({ name }: RedisConnection, fingerprint: string): 'this' | 'another' | 'cannot be told' {
  const [found] = GENERATION.exec(name) ?? [];
  if (found === undefined) return 'cannot be told';
  return found === fingerprint ? 'this' : 'another';
}

export function asStraggler(connection: RedisConnection, generation: 'another' | 'cannot be told'): Straggler {
  const { node, id, user, name, address, library, ageSeconds, idleSeconds } = connection;
  const state =
    generation === 'another'
      ? `opened with another value (${GENERATION.exec(name)?.[0]})`
      : 'cannot be told: its name has no generation';
  return {
    who: name || library || user,
    host: address,
    pid: `client ${id} of ${node.label}`,
    ageSeconds,
    state: `${state}, idle for ${idleSeconds} s`,
  };
}

/** Ends them, and waits until the servers have none of them any more; returns those that are left. */
export async function endConnections(
  nodes: readonly RedisLink[],
  whose: Whose,
  which: (connection: RedisConnection) => boolean,
): Promise<RedisConnection[]> {
  const ended = (await connectionsOf(nodes, whose)).filter(which);
  // By id: an address may be another's by now.
  for (const { node, id } of ended) await node.call('CLIENT', 'KILL', 'ID', id);
  const ids = new Set(ended.map(keyOf));
  const until = Date.now() + DRAIN_MS;
  for (;;) {
    const left = (await connectionsOf(nodes, whose)).filter((connection) => ids.has(keyOf(connection)));
    if (left.length === 0 || Date.now() > until) return left;
    await sleep(POLL_MS);
  }
}

function keyOf({ node, id }: RedisConnection): string {
  return `${node.label} ${id}`;
}
