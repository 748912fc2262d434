import { lstatSync, readlinkSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { listDaemons, stopDaemon } from '@drydock/kit';
import { SERVICES } from './services/all.ts';
import { sandboxFolder } from './state.ts';

const PRODUCT_GRACE_MS = 15_000;

/** Stops everything recorded for this checkout: the product's own instances first, then the services under them. */
export async function down({ root }: { root: string }): Promise<string[]> {
  const recorded = (await listDaemons(root)).map(({ name }) => name);
  const grace = new Map(SERVICES.map(({ name, graceMs }) => [name, graceMs]));
  const product = recorded.filter((name) => !grace.has(name));
  await Promise.all(product.map((name) => stopDaemon(root, name, { graceMs: PRODUCT_GRACE_MS })));
  const services = recorded.filter((name) => grace.has(name));
  await Promise.all(services.map((name) => stopDaemon(root, name, { graceMs: grace.get(name) ?? 0 })));
  return recorded;
}

/** Stops everything and deletes all data of the sandbox. */
export async function reset({ root }: { root: string }): Promise<void> {
  await down({ root });
  const folder = sandboxFolder(root);
  const elsewhere = linkTarget(join(folder, 'postgres'));
  if (elsewhere) await rm(dirname(elsewhere), { recursive: true, force: true });
  await rm(folder, { recursive: true, force: true });
}

function linkTarget(path: string): string | undefined {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  return stat?.isSymbolicLink() ? readlinkSync(path) : undefined;
}
