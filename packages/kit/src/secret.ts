import { createHash } from 'node:crypto';
import { inspect } from 'node:util';
import { registerSecret } from './redact.ts';

/**
 * A value that prints as `***` everywhere. `reveal()` is the only way to the text, so that every use can be found by
 * searching for it.
 */
export class Secret {
  readonly #value: string;
  readonly label: string;

  constructor(value: string, label = 'secret') {
    this.#value = value;
    this.label = label;
    registerSecret(value);
  }

  reveal(): string {
    return this.#value;
  }

  /** `sha256:` and the first 12 hex digits: enough to tell two values apart, not to guess one. */
  fingerprint(): string {
    return `sha256:${createHash('sha256').update(this.#value).digest('hex').slice(0, 12)}`;
  }

  toString(): string {
    return '***';
  }

  toJSON(): { $secret: string } {
    return { $secret: this.fingerprint() };
  }

  [inspect.custom](): string {
    return `Secret(${this.label})`;
  }
}
