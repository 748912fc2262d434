import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { command, hint, listDaemons, OpsError, startDaemon, stopDaemon } from '@drydock/kit';
import { isPortFree } from '../ports.ts';
import { portOf, type SandboxState, sandboxFolder } from '../state.ts';
import type { Service, ServiceContext } from './types.ts';

const READY_TIMEOUT_MS = 30_000;
const POLL_MS = 25;

/** Starts a service unless it already answers. Returns whether it had to be started, and where it now listens. */
export async function ensureRunning(
  root: string,
  state: SandboxState,
  service: Service,
): Promise<{ started: boolean; moved: boolean }> {
  const daemon = (await listDaemons(root)).find(({ name }) => name === service.name);
  const before = state.ports[service.name];
  const ctx = await contextOf(root, state, service);
  if (daemon?.alive && (await service.ready(ctx))) return { started: false, moved: false };
  await stopDaemon(root, service.name, { graceMs: service.graceMs });
  if (!(await isPortFree(ctx.port))) {
    // A stranger took it meanwhile.
    delete state.ports[service.name];
    ctx.port = await portOf(state, service.name);
  }
  const logFile = join(ctx.folder, 'logs', `${service.name}.log`);
  await startDaemon(root, {
    ...(await service.prepare(ctx)),
    name: service.name,
    logFile,
    port: ctx.port,
    private: true,
  });
  await waitReady(root, service, ctx, logFile);
  return { started: true, moved: before !== undefined && before !== ctx.port };
}

export async function contextOf(root: string, state: SandboxState, service: Service): Promise<ServiceContext> {
  return { root, folder: sandboxFolder(root), state, port: await portOf(state, service.name) };
}

async function waitReady(root: string, service: Service, ctx: ServiceContext, logFile: string): Promise<void> {
  const deadline = Date.now() + READY_TIMEOUT_MS;
  while (Date.now() < deadline) {
    if (await service.ready(ctx)) return;
    const daemon = (await listDaemons(root)).find(({ name }) => name === service.name);
    if (!daemon?.alive) break;
    await sleep(POLL_MS);
  }
  const tail = readFileSync(logFile, 'utf8').trim().split('\n').slice(-3).join(' | ');
  throw new OpsError({
    code: 'SERVICE_NOT_READY',
    message: `${service.name} did not come up on port ${ctx.port}: ${tail || 'it said nothing'}.`,
    hint: hint`Read ${logFile}, then ${command('sandbox:up')} again; ${command('sandbox:reset')} begins from nothing.`,
  });
}
