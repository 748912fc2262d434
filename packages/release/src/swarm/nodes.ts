import { OpsError } from '@drydock/kit';
import type { Engine } from './engine.ts';
import type { Node } from './types.ts';

/** A machine of the swarm, as far as a release needs to know it. */
export interface Machine {
  id: string;
  /** `web-1`; where two are called the same, with the beginning of its id. */
  name: string;
  /** Where the proxy reaches what runs on it. */
  address: string;
  /** The managers hear from it. */
  up: boolean;
  /** Takes new instances; false where a person has taken it out. */
  active: boolean;
}

/** Says what Swarm cannot know: where the proxy reaches a machine that is known to the others by another address. */
export const ADDRESS_LABEL = 'drydock.address';

export async function machinesOf(engine: Engine): Promise<Machine[]> {
  const nodes = await engine.get<Node[]>('/nodes');
  const named = nodes.map(({ Description }) => Description.Hostname);
  return nodes
    .map((node) => {
      const hostname = node.Description.Hostname;
      const isOnly = named.filter((name) => name === hostname).length === 1;
      return {
        id: node.ID,
        name: isOnly ? hostname : `${hostname}-${node.ID.slice(0, 5)}`,
        address: knownAddress(node),
        up: node.Status.State === 'ready',
        active: node.Spec.Availability === 'active',
      };
    })
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

function knownAddress(node: Node): string {
  const { Labels = {} } = node.Spec;
  // A manager that was not told its address has 0.0.0.0 for it, and the one that the others use beside.
  const known = [Labels[ADDRESS_LABEL], node.Status.Addr, node.ManagerStatus?.Addr?.replace(/:\d+$/, '')];
  return known.find((address) => address && address !== '0.0.0.0')?.replace(/^\[|\]$/g, '') ?? '';
}

/** `http://10.0.0.5:8081` */
export function addressOf(host: string, port: number): string {
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/** Throws where the machines cannot take `instances`, each on one of its own, as they are now. */
export function refuseTooFew(machines: readonly Machine[], instances: number): void {
  const unknown = machines.find(({ address }) => address === '');
  if (unknown)
    throw new OpsError({
      code: 'SWARM_NODE_ADDRESS',
      message: `Swarm has no address of ${unknown.name} at which the proxy could reach it.`,
      hint: `docker node update --label-add ${ADDRESS_LABEL}=ADDRESS ${unknown.name}`,
    });
  const active = machines.filter((machine) => machine.active);
  const down = active.filter(({ up }) => !up);
  if (down.length > 0)
    throw new OpsError({
      code: 'SWARM_NODE_DOWN',
      message: `The managers of the swarm do not hear from ${down.map(({ name }) => name).join(' and ')}: what runs there can be neither started nor ended.`,
      hint: `Bring it back, or take it out: docker node update --availability drain ${down[0]?.name}`,
    });
  if (active.length === 0 || machines.length < instances)
    throw new OpsError({
      code: 'SWARM_TOO_FEW_NODES',
      message: `The swarm has ${active.length === 1 ? '1 machine' : `${active.length} machines`} that take instances, and ${instances} are wanted, each on one of its own.`,
      hint: 'Let another machine join the swarm, or lower release.app.instances.',
    });
}
