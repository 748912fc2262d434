import { ask, NoAnswer, shownAddress } from '@drydock/kit';
import { unknown } from '../../unknown.ts';
import type { Straggler } from '../types.ts';
import type { TokenSecret } from './config.ts';

const MOST_BYTES = 32 * 1_048_576;

/** Instances to which somebody still sends one that is not the first. Who it is only they know. */
export async function lastUses(
  instances: readonly string[],
  { metric, path, quietSeconds }: NonNullable<TokenSecret['lastUsed']>,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<Straggler[]> {
  const found: Straggler[] = [];
  for (const base of instances) {
    const at = shownAddress(base);
    const what = `Who sends the old one to ${at}`;
    let page: string;
    try {
      const answer = await ask(new URL(path, base), { timeoutMs, mostBytes: MOST_BYTES, signal });
      if (!answer.ok) throw unknown(what, `${path} answered ${answer.status}`);
      page = answer.text;
    } catch (cause) {
      throw cause instanceof NoAnswer ? unknown(what, `it ${cause.message}`) : cause;
    }
    const last = Math.max(...valuesOf(page, metric));
    if (!Number.isFinite(last)) throw unknown(what, `${path} has no ${metric}`);
    const ageSeconds = Math.max(0, Math.round(Date.now() / 1_000 - last));
    if (last > 0 && ageSeconds < quietSeconds)
      found.push({ who: 'a client', host: at, pid: '-', ageSeconds, state: 'sent the old one' });
  }
  return found;
}

function valuesOf(page: string, metric: string): number[] {
  return page.split('\n').flatMap((line) => {
    const [, name, value] = /^([a-zA-Z_:][\w:]*)(?:\{.*\})? +(\S+)/.exec(line) ?? [];
    return name === metric && Number.isFinite(Number(value)) ? [Number(value)] : [];
  });
}
