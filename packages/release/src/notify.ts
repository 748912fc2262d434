import { setTimeout as sleep } from 'node:timers/promises';
import { ask, type Environment, type LoadedConfig, NoAnswer, redact } from '@drydock/kit';
import { releaseConfig } from './config.ts';
import type { Question } from './question.ts';

const WITHIN_MS = 3_000;
const TRIES = 2;
const PAUSE_MS = 500;

/** Is somebody to be told? `wanted`: by the flag. */
export function notifies(config: LoadedConfig, environment: Environment, wanted: boolean): boolean {
  const { url, always } = releaseConfig(config).notify;
  return wanted || (always && environment.has(url));
}

/** The address, before anything is done: it is not to be missed when all is. */
export function notifyQuestion(config: LoadedConfig, environment: Environment): Question {
  const { url } = releaseConfig(config).notify;
  return {
    about: 'webhook',
    async ask() {
      new URL(environment.require(url));
      return `${url} is set`;
    },
  };
}

/**
 * One line, as Slack and what is compatible with it take it: `{ "text": … }`, of which &, < and > are the markup. Returns why nobody was told:
 * that is never a failure of what it is about.
 */
export async function notify(
  config: LoadedConfig,
  environment: Environment,
  text: string,
): Promise<string | undefined> {
  const { url } = releaseConfig(config).notify;
  const body = JSON.stringify({ text: escapeSlack(redact(text)) });
  let why = '';
  for (let left = TRIES; left > 0; left--) {
    try {
      const address = environment.secret(url).reveal();
      const { status, ok } = await ask(address, {
        ...{ timeoutMs: WITHIN_MS, mostBytes: 65_536, headers: { 'content-type': 'application/json' }, body },
      });
      if (ok) return undefined;
      why = `the webhook of ${url} answered ${status}`;
      if (status < 500 && status !== 429) return why;
    } catch (cause) {
      why = cause instanceof NoAnswer ? `the webhook of ${url} ${cause.message}` : (cause as Error).message;
    }
    if (left > 1) await sleep(PAUSE_MS);
  }
  return why;
}

function escapeSlack(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
