import { freePort } from '@drydock/kit';
import type { Placed } from '../host/folder.ts';
import type { Target } from '../proxy/haproxy.ts';
import { sameTargets } from '../proxy/traffic.ts';

export const HOST = '127.0.0.1';

/** One process of a version. */
export interface Instance {
  /** `blue-1` */
  name: string;
  port: number;
}

export function instancesIn({ slot, ports }: Placed): Instance[] {
  return ports.map((port, i) => ({ name: `${slot}-${i + 1}`, port }));
}

/** One more, which serves in the place of another that is started again. */
export function standInOf({ slot, beside }: Placed): Instance | undefined {
  return beside === undefined ? undefined : { name: `${slot}-beside`, port: beside };
}

export function allIn(placed: Placed): Instance[] {
  const standIn = standInOf(placed);
  return [...instancesIn(placed), ...(standIn ? [standIn] : [])];
}

export function targetsIn({ ports }: Placed): Target[] {
  return ports.map((port) => ({ host: HOST, port }));
}

/** Does this traffic go to its instances, each, or to what stands in for one? */
export function isWhere(placed: Placed, targets: readonly Target[]): boolean {
  const own = targets.filter(({ host, port }) => !(host === HOST && port === placed.beside));
  const served = targetsIn(placed).filter(({ port }) => own.some((target) => target.port === port));
  return targets.length === placed.ports.length && sameTargets(served, own);
}

/** Those that they had, where they are free. */
export async function freePorts(count: number, had: readonly number[]): Promise<number[]> {
  const ports: number[] = [];
  while (ports.length < count) {
    const port = await freePort(had[ports.length]);
    if (!ports.includes(port)) ports.push(port);
  }
  return ports;
}

/** For one more beside them. */
export async function freePortBeside({ ports, beside }: Placed): Promise<number> {
  for (;;) {
    const port = await freePort(beside);
    if (!ports.includes(port)) return port;
  }
}
