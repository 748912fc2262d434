import { ask, NoAnswer, type Secret, shownAddress } from '@drydock/kit';
import type { TokenSecret } from './config.ts';

/** A health report is a few lines a part. */
const MOST_BYTES = 1_048_576;

/** `unclear`: not a yes and not a no (no answer, too many requests, a fault of the server). */
export interface Answer {
  is: 'accepted' | 'refused' | 'unclear' | 'absent';
  /** `http://10.0.0.3:3001 answered 401`. */
  says: string;
}

/** Sends a token once, as a client would, on a connection of its own. */
export async function sendToken(
  base: string,
  token: Secret | string,
  { path, header, timeoutMs }: Pick<TokenSecret, 'path' | 'header' | 'timeoutMs'>,
  signal: AbortSignal,
): Promise<Answer> {
  const at = shownAddress(base);
  const [name = '', ...value] = header.split(':');
  const text = typeof token === 'string' ? token : token.reveal();
  const headers = {
    [name]: value
      .join(':')
      .trim()
      .replaceAll('{token}', () => text),
    connection: 'close',
  };
  try {
    const { status } = await ask(new URL(path, base), { timeoutMs, mostBytes: MOST_BYTES, headers, signal });
    return { is: meaningOf(status), says: `${at} answered ${status}` };
  } catch (cause) {
    if (!(cause instanceof NoAnswer)) throw cause;
    return { is: 'unclear', says: `${at} ${cause.message}` };
  }
}

function meaningOf(status: number): Answer['is'] {
  if (status === 401 || status === 403) return 'refused';
  if (status >= 200 && status < 300) return 'accepted';
  return status === 404 || status === 405 ? 'absent' : 'unclear';
}
