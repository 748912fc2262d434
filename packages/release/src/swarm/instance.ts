import { checkHealth } from '@drydock/health';
import type { Environment, LoadedConfig } from '@drydock/kit';
import { releasedVersion } from '../version/said.ts';
import type { AskInstance } from './slots.ts';

const ASK_MS = 2_000;

/** What one instance says of itself: that it can take traffic, and which version it is. Nothing that Swarm says of it counts here. */
export function askingInstances(config: LoadedConfig, environment: Environment, readyPath: string): AskInstance {
  return async (address) => {
    try {
      const answer = await fetch(new URL(readyPath, address), { signal: AbortSignal.timeout(ASK_MS) });
      await answer.body?.cancel();
      const { version } = await checkHealth(config, environment, address);
      return { answers: true, ready: answer.ok, version: releasedVersion(version) };
    } catch {
      return { answers: false, ready: false, version: undefined };
    }
  };
}
