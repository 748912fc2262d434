import type { Client } from 'pg';
import type { Whose } from '../state/owner.ts';
import { type Anchored, compareAnchor, keepAnchor } from './anchor.ts';
import { ChainCheck } from './chain.ts';
import { eachEvent } from './store.ts';
import type { ChainedEvent } from './types.ts';

export interface Log {
  total: number;
  matching: number;
  /** The newest that match, oldest first. */
  shown: ChainedEvent[];
  /** What is wrong with the log, as a sentence. */
  broken: string | undefined;
  anchored: Anchored;
}

export interface Choice {
  limit: number;
  /** ISO 8601. */
  after: string;
  event: string | undefined;
  task: string | undefined;
  run: string | undefined;
}

/**
 * The whole log is checked, however little of it is chosen, and compared with what this checkout saw of it. One that is whole is
 * remembered. In memory are a page and what is shown.
 */
export async function readLog(client: Client, config: Whose, env: string, choice: Choice): Promise<Log> {
  const check = new ChainCheck();
  const log = { total: 0, matching: 0, shown: [] as ChainedEvent[] };
  const head = await eachEvent(client, (event) => {
    check.follow(event);
    log.total += 1;
    if (!isChosen(event, choice)) return;
    log.matching += 1;
    log.shown.push(event);
    if (log.shown.length > choice.limit) log.shown.shift();
  });
  const wrong = check.end(head);
  const anchored = await compareAnchor(client, config, env);
  const broken = wrong ? `In ${env}, ${wrong}.` : anchored.lost;
  if (!broken) await keepAnchor(client, config, env, head);
  return { ...log, broken, anchored };
}

function isChosen(found: ChainedEvent, { after, event, task, run }: Choice): boolean {
  return (
    found.at >= after &&
    (!event || found.event === event) &&
    (!task || found.task === task) &&
    (!run || found.run === run)
  );
}
