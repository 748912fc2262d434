import { type ChildProcess, spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort, OpsError } from '@drydock/kit';
import { createTestClient, http, publicActions, walletActions } from 'viem';
import type { Target } from '../target.ts';
import { anvilPath } from './anvil.ts';
import { openForward } from './forward.ts';

const STARTS_WITHIN_MS = 20_000;

function connect(url: string) {
  return createTestClient({ mode: 'anvil', transport: http(url), pollingInterval: 50, cacheTime: 0 })
    .extend(publicActions)
    .extend(walletActions);
}
export type Fork = ReturnType<typeof connect>;

/** A copy of the live chain at one block, on loopback, for as long as `use` runs. */
export async function withFork<T>(
  target: Pick<Target, 'rpcUrls' | 'chain'>,
  block: bigint,
  use: (fork: Fork) => Promise<T>,
): Promise<T> {
  const forward = await openForward(target);
  const port = await freePort();
  const args = [
    '--host',
    '127.0.0.1',
    '--port',
    String(port),
    '--fork-url',
    forward.url,
    '--fork-block-number',
    String(block),
    '--quiet',
    '--no-storage-caching',
    '--auto-impersonate',
  ];
  const anvil = spawn(anvilPath(), args, { stdio: 'ignore', env: {} });
  const stop = () => anvil.kill('SIGKILL');
  process.once('exit', stop);
  try {
    const fork = connect(`http://127.0.0.1:${port}`);
    await started(anvil, fork);
    return await use(fork);
  } finally {
    process.off('exit', stop);
    stop();
    forward.close();
  }
}

async function started(anvil: ChildProcess, fork: Fork): Promise<void> {
  const deadline = Date.now() + STARTS_WITHIN_MS;
  for (;;) {
    if (anvil.exitCode !== null || Date.now() > deadline)
      throw new OpsError({
        code: 'FORK_FAILED',
        message: 'The chain cannot be forked: anvil did not come up on it.',
        hint: 'One RPC of chain.rpcUrl must serve state of that block. Rehearse without a fork: leave --fork out, the call is simulated anyhow.',
      });
    const answers = await fork.getChainId().then(
      () => true,
      () => false,
    );
    if (answers) return;
    await sleep(50);
  }
}
