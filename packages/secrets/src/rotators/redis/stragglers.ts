import { setTimeout as sleep } from 'node:timers/promises';
import { generationOf, type RedisConnection } from './connections.ts';

/** As Redis tells it, in whole seconds. */
const YOUNG_SECONDS = 1;
const LOOK_MS = 50;
const PATIENCE_MS = 2_500;

export interface Other {
  connection: RedisConnection;
  generation: 'another' | 'cannot be told';
}

/**
 * Connections that do not tell that they were opened with this value. A client logs in first and says its name after that, and who asks one thing comes
 * and goes without one: where all that cannot be told have just come, it is looked again, until there are none, one is older, or the wait is over.
 */
export async function othersThan(
  fingerprint: string,
  look: () => Promise<RedisConnection[]>,
  signal: AbortSignal,
): Promise<Other[]> {
  const deadline = Date.now() + PATIENCE_MS;
  for (;;) {
    const others = (await look()).flatMap((connection): Other[] => {
      const generation = generationOf(connection, fingerprint);
      return generation === 'this' ? [] : [{ connection, generation }];
    });
    const isYoung = ({ connection, generation }: Other) =>
      generation === 'cannot be told' && connection.ageSeconds <= YOUNG_SECONDS;
    if (others.length === 0 || !others.every(isYoung) || Date.now() > deadline) return others;
    await sleep(LOOK_MS, undefined, { signal });
  }
}
