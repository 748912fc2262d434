import { join } from 'node:path';
import { type LoadedConfig, type Output, runbookEnvironments, Supervisor } from '@drydock/kit';
import { refuseFullDisk, refuseMissingTools, refuseNamelessUser } from './beforehand.ts';
import { provisionBackupKeys } from './provision/backup-key.ts';
import { provisionContracts } from './provision/contracts.ts';
import { provisionDatabases } from './provision/databases.ts';
import { writeEnvFiles } from './provision/env-files.ts';
import { provisionKeystores } from './provision/keystores.ts';
import { provisionRedis } from './provision/redis.ts';
import { provisionSink } from './provision/sink.ts';
import { servicesOf } from './services/all.ts';
import { clusterToMake } from './services/cluster-folder.ts';
import { ensureRunning } from './services/run.ts';
import { unprivilegedUser } from './services/unprivileged.ts';
import { ensureEnvironments, freshState, hostFolder, portOf, readState, sandboxFolder, writeState } from './state.ts';

export interface UpResult {
  /** Services that had to be started; empty when everything was up. */
  started: string[];
  /** Services whose port was taken by somebody else, and which listen elsewhere now. */
  moved: string[];
}

/** A checkout, and the environments that its config has; by itself the runbook's three. */
export interface World {
  root: string;
  environments?: LoadedConfig['environments'];
}

/** Brings up whatever is not up, and repairs what was killed. Safe to repeat; a second call changes nothing. */
export async function up({
  root,
  environments = runbookEnvironments(),
  out,
}: World & { out?: Output }): Promise<UpResult> {
  const state = readState(root) ?? freshState(root);
  ensureEnvironments(state, Object.keys(environments));
  const all = servicesOf(Object.keys(state.environments));
  refuseMissingTools(all);
  const cluster = clusterToMake(join(sandboxFolder(root), 'postgres'), unprivilegedUser(), {
    hadOne: state.contracts !== undefined,
  });
  if (cluster !== undefined) refuseNamelessUser();
  refuseFullDisk(sandboxFolder(root), { cluster });
  for (const { name } of all) await portOf(state, name);
  // Kept before anything starts: a kill from here on finds the same ports and passwords again.
  writeState(root, state);
  const services = await allOrFirstProblem(
    all.map(async (service) => {
      const { started, moved } = await ensureRunning(root, state, service);
      if (started) out?.line(`  ${service.name} on port ${state.ports[service.name]}`);
      if (moved) out?.warn(`The port of ${service.name} was taken; it is ${state.ports[service.name]} now.`);
      return { name: service.name, started, moved };
    }),
  );
  const names = (which: 'started' | 'moved') => services.filter((service) => service[which]).map(({ name }) => name);
  const started = names('started');
  await Promise.all([
    provisionDatabases(state, await portOf(state, 'postgres')),
    provisionContracts(state, await portOf(state, 'anvil')),
    provisionBackupKeys(state),
    provisionKeystores(root, state),
    provisionRedis(root, state),
    provisionSink(state, await portOf(state, 'sink')),
  ]);
  writeState(root, state);
  await writeEnvFiles(root, state, environments);
  // Versions that were live come up, as after a reboot; before the first release there is nothing to keep.
  const supervisor = new Supervisor(join(hostFolder(root), 'services'));
  if (supervisor.names().length > 0) await supervisor.ensure();
  return { started, moved: names('moved') };
}

/** Waits for all even if one fails: a service that still starts after `up` has given up would escape the `down` that follows. */
async function allOrFirstProblem<T>(work: Promise<T>[]): Promise<T[]> {
  await Promise.allSettled(work);
  return Promise.all(work);
}
