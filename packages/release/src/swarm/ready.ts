import { setTimeout as sleep } from 'node:timers/promises';
import { command, OpsError } from '@drydock/kit';
import type { Deployment, Progress } from '../driver/types.ts';
import type { Engine } from './engine.ts';
import { lastWords } from './last-words.ts';
import { judge } from './sight.ts';
import type { Place, SwarmSlots } from './slots.ts';

const LOOK_MS = 250;

interface Wait {
  env: string;
  engine: Engine;
  slots: SwarmSlots;
  readyTimeoutMs: number;
  pullTimeoutMs: number;
}

/** Until a version is ready where it lies, on every machine; VERSION_NOT_READY with its last words where it will not be. */
export async function untilReady(
  { env, engine, slots, readyTimeoutMs, pullTimeoutMs }: Wait,
  place: Place,
  deployment: Deployment,
  { signal, onLine }: Progress,
): Promise<void> {
  const pulled = Date.now() + pullTimeoutMs;
  let deadline = Date.now() + readyTimeoutMs;
  let told = '';
  for (;;) {
    const verdict = judge(await slots.look(place), deployment);
    if (verdict.is === 'ready') return;
    if (verdict.is === 'waiting' && verdict.says !== told) onLine(verdict.says);
    told = verdict.says;
    // Fetching an image is not starting.
    if (verdict.is === 'waiting' && verdict.arriving && Date.now() < pulled) deadline = Date.now() + readyTimeoutMs;
    if (verdict.is === 'failed' || Date.now() > deadline) {
      const said = await lastWords(engine, slots.nameOf(place), verdict.is === 'failed');
      throw new OpsError({
        code: 'VERSION_NOT_READY',
        message: `Version ${deployment.version} did not become ready in ${env}: ${verdict.says}${said ? `: ${said}` : ''}.`,
        hint: command('release:logs', { slot: deployment.slot }),
      });
    }
    await sleep(LOOK_MS, undefined, { signal });
  }
}
