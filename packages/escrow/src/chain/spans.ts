import { setTimeout as sleep } from 'node:timers/promises';
import { BaseError, TimeoutError } from 'viem';
import type { Reader } from './client.ts';
import { httpErrorOf, isAway, isBusy, isPassing, isRefusal, wordsOf } from './errors.ts';

/** An answer is text and objects at once, several kB an event: more than these in one are only met by surprise. */
const PER_ANSWER = 1_000;
/** As often the same blocks are asked for again before fewer are, where the RPC could not answer at all, or wants fewer questions. */
const TRIES = { away: 3, busy: 5 };
const PAUSE_MS = 150;
/** After as many answers with few events it is tried whether more blocks are allowed by now; each time in vain, after twice as many. */
const FORGET_AFTER = 32;

/** How many blocks of events an RPC is asked for at once. */
export interface Spans {
  /** `careful`: nobody knows how dense the blocks are. */
  first(careful: boolean): number;
  /** After an answer: how many the next request asks for. */
  answered(count: number, events: number): number;
  /** After an error, and a pause where one is wanted: how many to ask for then. Undefined: the RPC cannot be asked. */
  refused(count: number, error: unknown): Promise<number | undefined>;
}

const known = new WeakMap<Reader, Spans>();

/** What an RPC allows is learned once: all that is read through a reader goes by it. */
export function spansOf(reader: Reader, most: number): Spans {
  const spans = known.get(reader) ?? createSpans(most);
  known.set(reader, spans);
  return spans;
}

/**
 * Doubles up to `most` (`chain.logRange`), but takes no more than hold PER_ANSWER at the last span's density. Providers limit
 * blocks, events and bytes, each by a code, an HTTP status and words of its own, or by never answering: whatever is refused
 * is not asked for again. Where the words name a number of blocks, that is the limit; else the limit is looked for in halves.
 */
export function createSpans(most: number): Spans {
  /** The largest that was answered, and the smallest that was refused. */
  let allowed = 0;
  let limit: number | undefined;
  let [quiet, patience, tries] = [0, FORGET_AFTER, 0];
  /** Events of a block, in the densest answer. */
  let densest = 0;

  const within = (wanted: number) => {
    if (limit === undefined || wanted < limit) return Math.max(1, Math.min(wanted, most));
    const floor = Math.min(allowed, limit - 1);
    // Near enough: each further question would cost more than it gains.
    if (limit - floor <= Math.max(1, floor / 8)) return Math.max(1, Math.min(floor, most));
    return Math.max(1, Math.min(Math.floor((floor + limit) / 2), most));
  };

  return {
    first: (careful) => within(careful ? Math.min(allowed, Math.floor(PER_ANSWER / Math.max(densest, 1e-9))) : most),
    answered(count, events) {
      tries = 0;
      densest = Math.max(densest, events / count);
      allowed = Math.max(allowed, count);
      quiet = events < PER_ANSWER / 10 ? quiet + 1 : 0;
      if (limit !== undefined && quiet >= patience) {
        [limit, quiet, patience] = [undefined, 0, patience * 2];
      }
      const fitting = Math.floor((count * PER_ANSWER) / Math.max(events, 1));
      return within(Math.max(1, Math.min(fitting, count * 2)));
    },
    async refused(count, error) {
      if (!isRefusal(error) && !isAway(error)) return undefined;
      tries += 1;
      if (tries < triesFor(error) || (count === 1 && isPassing(error) && tries < TRIES.busy)) {
        await sleep(PAUSE_MS * tries);
        return count;
      }
      if (count === 1 || isNobody(error)) return undefined;
      tries = 0;
      const said = limitIn(wordsOf(error).join(' '), count);
      limit = said === undefined ? count : said + 1;
      if (said !== undefined) allowed = said;
      else allowed = Math.min(allowed, count - 1);
      return said ?? Math.max(1, Math.floor(count / 2));
    },
  };
}

function triesFor(error: unknown): number {
  if (isBusy(error)) return TRIES.busy;
  // A time-out has been patience enough; a status or an error of the protocol is an answer.
  if (isRefusal(error) || httpErrorOf(error)?.status || isTimeout(error)) return 1;
  return TRIES.away;
}

const isTimeout = (error: unknown) =>
  error instanceof BaseError && error.walk((cause) => cause instanceof TimeoutError) !== null;

/** Nobody listens there, whatever is asked. */
function isNobody(error: unknown): boolean {
  const nobody = (cause: unknown) =>
    /^(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH)$/.test(String((cause as { code?: unknown })?.code));
  return error instanceof BaseError && error.walk(nobody) !== null;
}

const NUMBER = String.raw`(\d[\d,_]*)(k\b)?`;
/** In the order in which they are believed: the blocks that should work, so many blocks, so many at most. */
const SAID = [
  new RegExp(String.raw`${NUMBER}[\s-]*(?:blocks?\b|range\b)`, 'gi'),
  new RegExp(
    String.raw`(?:max(?:imum)?|limit(?:ed)?|up to|at most|over|allow(?:ed|s)?|exceed(?:s|ed)?|>|than)\D{0,40}?${NUMBER}`,
    'gi',
  ),
];

/** The most blocks that a refusal allows, in its words; undefined where it names none that is less than was asked for. */
export function limitIn(words: string, asked: number): number | undefined {
  for (const [, from, to] of words.matchAll(/\[\s*(0x[0-9a-f]+)\s*,\s*(0x[0-9a-f]+)\s*\]/gi)) {
    const span = Number(BigInt(to as string) - BigInt(from as string)) + 1;
    if (span > 0 && span < asked) return span;
  }
  // Of a limit of events, bytes or seconds the number says nothing of blocks.
  if (!/block|range/i.test(words)) return undefined;
  for (const pattern of SAID)
    for (const [, digits = '', thousand] of words.matchAll(pattern)) {
      const number = Number(digits.replaceAll(/[,_]/g, '')) * (thousand ? 1_000 : 1);
      if (number > 0 && number < asked) return number;
    }
  return undefined;
}
