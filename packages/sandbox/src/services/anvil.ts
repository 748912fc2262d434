import { copyFileSync, existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { anvilPath } from '@drydock/escrow';
import type { Service } from './types.ts';

export const CHAIN_ID = 31_337;
/** The mnemonic every anvil and hardhat uses; worth nothing anywhere. */
export const MNEMONIC = 'test test test test test test test test test test test junk';

export function anvilArgs(port: number, extra: string[] = []): string[] {
  return [
    '--host',
    '127.0.0.1',
    '--port',
    String(port),
    '--chain-id',
    String(CHAIN_ID),
    '--mnemonic',
    MNEMONIC,
    '--quiet',
    ...extra,
  ];
}

/** Raw JSON-RPC: enough to see whether the chain answers, without loading a client library. */
export async function rpc<T>(port: number, method: string, params: unknown[] = [], withinMs = 10_000): Promise<T> {
  const answer = await fetch(`http://127.0.0.1:${port}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
    signal: AbortSignal.timeout(withinMs),
  });
  return ((await answer.json()) as { result: T }).result;
}

export const anvil: Service = {
  name: 'anvil',
  tools: [],
  graceMs: 5_000,
  async prepare({ folder, port }) {
    const state = join(folder, 'chain.json');
    keepWholeState(state);
    return {
      command: anvilPath(),
      args: anvilArgs(port, ['--state', state, '--state-interval', '1']),
      env: { PATH: process.env.PATH },
      cwd: folder,
    };
  },
  ready: async ({ port }) => {
    try {
      return Number(await rpc<string>(port, 'eth_chainId', [], 1_000)) === CHAIN_ID;
    } catch {
      return false;
    }
  },
};

/** Anvil writes its state in place; a kill in the middle leaves half a file. The last whole one is kept beside it. */
function keepWholeState(state: string): void {
  const good = `${state}.good`;
  if (isJson(state)) copyFileSync(state, good);
  else if (existsSync(good)) copyFileSync(good, state);
  else rmSync(state, { force: true });
}

function isJson(file: string): boolean {
  try {
    JSON.parse(readFileSync(file, 'utf8'));
    return true;
  } catch {
    return false;
  }
}
