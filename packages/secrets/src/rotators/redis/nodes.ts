import { OpsError } from '@drydock/kit';
import { unknown } from '../../unknown.ts';
import { type Info, infoOf } from './info.ts';
import type { RedisLink } from './link.ts';
import { type RedisPlace, shownPlace } from './url.ts';

/** How long a chain of replicas of replicas may be, and how large a cluster. */
const MOST_NODES = 200;

/** Opens a connection of the operator's user. Undefined where its login is refused. */
export type OpenNode = (place: RedisPlace) => Promise<RedisLink | undefined>;

/**
 * Every node that has users of its own: Redis replicates none of them (redis#7988). From one of them the others are found, masters and replicas
 * (INFO replication) and those of a cluster (CLUSTER NODES). One that cannot be reached is UNKNOWN: it would keep what it has.
 */
export async function openNodes(first: RedisPlace, open: OpenNode, operator: string): Promise<RedisLink[]> {
  const nodes = new Map<string, RedisLink>();
  const asked = new Set<string>();
  const ahead = [first];
  try {
    for (let place = ahead.shift(); place; place = ahead.shift()) {
      const label = shownPlace(place);
      if (asked.has(label)) continue;
      asked.add(label);
      if (asked.size > MOST_NODES) throw unknown(`Which nodes ${shownPlace(first)} has`, 'there is no end of them');
      const link = await openNode(place, open, { operator, first: shownPlace(first), alone: asked.size === 1 });
      const info = infoOf(await keptOpen(link, () => link.call('INFO')));
      if (nodes.has(info.run_id ?? label)) link.close();
      else {
        nodes.set(info.run_id ?? label, link);
        ahead.push(...(await neighboursOf(place, info, link)));
      }
    }
  } catch (error) {
    closeAll([...nodes.values()]);
    throw error;
  }
  return [...nodes.values()];
}

export function closeAll(links: readonly RedisLink[]): void {
  for (const link of links) link.close();
}

async function keptOpen<T>(link: RedisLink, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    link.close();
    throw error;
  }
}

async function openNode(
  place: RedisPlace,
  open: OpenNode,
  { operator, first, alone }: { operator: string; first: string; alone: boolean },
): Promise<RedisLink> {
  const label = shownPlace(place);
  const link = await open(place).catch((error) => {
    if (alone) throw error;
    throw unknown(`Whether ${label}, a node beside ${first}, takes what is changed (Redis replicates no users)`, error);
  });
  if (link) return link;
  throw new OpsError({
    code: 'REDIS_OPERATOR_REFUSED',
    message: alone
      ? `${label} refuses the user and password in ${operator}.`
      : `${label}, a node beside ${first}, refuses the user and password in ${operator}: Redis replicates no users.`,
    hint: alone
      ? `Set ${operator} to a user that may change ACLs.`
      : `Give it the same users as ${first} has: the lines of ACL LIST, by ACL SETUSER and ACL SAVE.`,
  });
}

async function neighboursOf(place: RedisPlace, info: Info, link: RedisLink): Promise<RedisPlace[]> {
  const tls = 'tls' in place && place.tls;
  const at = (host: string, port: string): RedisPlace => ({ host, port: Number(port), tls });
  if (info.cluster_enabled === '1') return membersOf(String(await link.call('CLUSTER', 'NODES')), at);
  const replicas = Object.entries(info).flatMap(([key, line]) => {
    if (!/^slave\d+$/.test(key)) return [];
    const { ip, port } = Object.fromEntries(line.split(',').map((pair) => pair.split('=')));
    return ip && port ? [at(ip, port)] : [];
  });
  const { role, master_host, master_port } = info;
  return role === 'slave' && master_host && master_port ? [at(master_host, master_port), ...replicas] : replicas;
}

/** `id host:port@bus[,name] flags …`, a line a node. */
function membersOf(text: string, at: (host: string, port: string) => RedisPlace): RedisPlace[] {
  return text.split('\n').flatMap((line) => {
    const [, address = '', flags = ''] = line.split(' ');
    const [, host = '', port = ''] = /^(.*):(\d+)@/.exec(address) ?? [];
    // A node that does not know its own address yet has none.
    return host && !/noaddr|handshake/.test(flags) ? [at(host, port)] : [];
  });
}
