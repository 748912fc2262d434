import { appendFileSync, existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';

/** What was received: one Sentry item or one PostHog event. */
export interface SinkEvent {
  kind: 'sentry' | 'posthog';
  at: string;
  /** Sentry: the item's type; PostHog: the event's name. */
  name: string;
  /** With which key it came. */
  key: string;
  /** The project that it reached. PostHog takes events for no project, and drops them. */
  project: number | undefined;
  payload: unknown;
}

export class SinkEvents {
  readonly #file: string;

  constructor(directory: string) {
    this.#file = join(directory, 'events.ndjson');
  }

  keep(event: Omit<SinkEvent, 'at'>): void {
    appendFileSync(this.#file, `${JSON.stringify({ ...event, at: new Date().toISOString() } satisfies SinkEvent)}\n`);
  }

  read(kind?: string): SinkEvent[] {
    const lines = existsSync(this.#file) ? readFileSync(this.#file, 'utf8').split('\n').filter(Boolean) : [];
    return lines.map((line) => JSON.parse(line) as SinkEvent).filter((event) => !kind || event.kind === kind);
  }

  forget(): void {
    rmSync(this.#file, { force: true });
  }
}
