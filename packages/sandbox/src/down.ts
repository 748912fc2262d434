import { existsSync, lstatSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { listDaemons, Supervisor, stopDaemon } from '@drydock/kit';
import { servicesOf } from './services/all.ts';
import { clusterElsewhere } from './services/cluster-folder.ts';
import { socketsElsewhere } from './services/haproxy.ts';
import { hostFolder, readState, sandboxFolder } from './state.ts';
import { handOverToPerson } from './whose.ts';

const PRODUCT_GRACE_MS = 15_000;

/** Stops everything recorded for this checkout: the product's own instances first, then the services under them. */
export async function down({ root }: { root: string }): Promise<string[]> {
  // What is up now comes up again with the sandbox, as after a reboot.
  await new Supervisor(join(hostFolder(root), 'services')).end(PRODUCT_GRACE_MS);
  const recorded = (await listDaemons(root)).map(({ name }) => name);
  const environments = Object.keys(readState(root)?.environments ?? {});
  const grace = new Map(servicesOf(environments).map(({ name, graceMs }) => [name, graceMs]));
  const product = recorded.filter((name) => !grace.has(name));
  await Promise.all(product.map((name) => stopDaemon(root, name, { graceMs: PRODUCT_GRACE_MS })));
  const services = recorded.filter((name) => grace.has(name));
  await Promise.all(services.map((name) => stopDaemon(root, name, { graceMs: grace.get(name) ?? 0 })));
  handOverToPerson(root);
  return recorded;
}

/** What `reset` deletes, and what it leaves: folders that a link leads to and that the sandbox did not make. */
export function whatResetDeletes(root: string): { deleted: string[]; left: string[] } {
  const folder = sandboxFolder(root);
  const { made, foreign } = clusterElsewhere(join(folder, 'postgres'), readState(root)?.id);
  const elsewhere = [...made, ...[socketsElsewhere(folder)].filter(isOurFolder)];
  return { deleted: [...(existsSync(folder) ? [folder] : []), ...elsewhere], left: foreign };
}

/** In the temporary folder anybody may have made one of this name. */
function isOurFolder(path: string): boolean {
  const found = lstatSync(path, { throwIfNoEntry: false });
  return found?.isDirectory() === true && found.uid === process.geteuid?.();
}

/** Stops everything and deletes all data of the sandbox: what it made, and nothing else. */
export async function reset({ root }: { root: string }): Promise<void> {
  await down({ root });
  // The sandbox's own folder goes last: what it made elsewhere is known by what is kept in it.
  for (const path of whatResetDeletes(root).deleted.reverse()) await rm(path, { recursive: true, force: true });
}
