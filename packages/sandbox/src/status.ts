import { listDaemons, runbookEnvironments } from '@drydock/kit';
import { servicesOf } from './services/all.ts';
import { contextOf } from './services/run.ts';
import { readState } from './state.ts';
import type { World } from './up.ts';

export interface ServiceStatus {
  service: string;
  /** `silent`: the process lives but does not answer. */
  state: 'up' | 'silent' | 'killed' | 'down';
  pid: number | undefined;
  port: number | undefined;
  log: string | undefined;
}

export async function status({ root, environments = runbookEnvironments() }: World): Promise<ServiceStatus[]> {
  const daemons = new Map((await listDaemons(root)).map((daemon) => [daemon.name, daemon]));
  const state = readState(root);
  const services = servicesOf(Object.keys({ ...state?.environments, ...environments })).map(
    async (service): Promise<ServiceStatus> => {
      const daemon = daemons.get(service.name);
      const facts = { service: service.name, pid: daemon?.pid, port: state?.ports[service.name], log: daemon?.logFile };
      if (!daemon || !state) return { ...facts, state: 'down' };
      if (!daemon.alive) return { ...facts, state: 'killed' };
      return { ...facts, state: (await service.ready(await contextOf(root, state, service))) ? 'up' : 'silent' };
    },
  );
  return Promise.all(services);
}
