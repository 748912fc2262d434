import { setTimeout as sleep } from 'node:timers/promises';
import { BlockNotFoundError, type EIP1193RequestFn, type Transport } from 'viem';
import { isAnswer } from './answer.ts';
import { AnswerMissingError, isAway, isPassing } from './errors.ts';

const TRIES = 4;
const PAUSE_MS = 150;

/**
 * Asks again what an RPC could not answer a moment ago. Behind one URL there are often several nodes, and the one that is
 * asked may not have the block yet that another one has told of; or it has had enough questions for this second.
 * An RPC that is away is the library's to ask again; wants to stand in a `fallback`.
 */
export function patient(transport: Transport): Transport {
  return ((options) => {
    const inner = transport(options);
    const request = (async (body: { method: string; params?: unknown[] }, rest?: object) => {
      // Of a span of events whoever asks decides what to ask next.
      const how = body.method === 'eth_getLogs' ? { ...rest, retryCount: 0 } : rest;
      for (let tried = 1; ; tried++) {
        try {
          const answer: unknown = await inner.request(body as never, how as never);
          if (!isAnswer(body.method, answer)) throw new AnswerMissingError(body.method);
          if (answer !== null || body.method !== 'eth_getBlockByNumber') return answer;
          // A block that was named is there, or will be: "null" is a node that is behind. The library asks again.
          throw new BlockNotFoundError({ blockNumber: numberOf(body.params) });
        } catch (cause) {
          if (
            tried === TRIES ||
            cause instanceof BlockNotFoundError ||
            !asksAgain(body.method) ||
            isAway(cause) ||
            !isPassing(cause)
          )
            throw cause;
        }
        await sleep(PAUSE_MS * tried);
      }
    }) as EIP1193RequestFn;
    return { ...inner, request };
  }) as Transport;
}

/** A transaction is handed over again by whoever waits for it; spans of events are made smaller instead. */
function asksAgain(method: string): boolean {
  return method !== 'eth_sendRawTransaction' && method !== 'eth_getLogs';
}

function numberOf(params: unknown[] = []): bigint | undefined {
  const [block] = params;
  return typeof block === 'string' && block.startsWith('0x') ? BigInt(block) : undefined;
}
