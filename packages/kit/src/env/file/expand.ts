import { expand } from 'dotenv-expand';
import type { Setting } from './text.ts';

/** A variable with what it refers to put in. */
export interface Expanded {
  text: string;
  /** Names that it refers to and that are set nowhere, or lead back to it: they stay as they are written. */
  unknown: string[];
}

type Written = Pick<Setting, 'value' | 'quote'>;
/** A reference, and the beginning of one with a default: `$NAME`, `${NAME}`, `${NAME:-…}`. */
const REFERENCE = /(?<!\\)\$(?:\{([A-Za-z_]\w*)(?=\}|:?[-+])|([A-Za-z_]\w*))/g;
/** Stands for a `$` that is none of a reference; no env file and no environment can hold it. */
const DOLLAR = '\0';
/** Beyond this no process takes it (execve(2), MAX_ARG_STRLEN). */
const LONGEST = 131_072;

/**
 * What env files say, as dotenv-expand reads it: `$NAME`, `${NAME}`, `${NAME:-default}` refer to other variables, those of later lines and files too, and
 * the shell wins; `\$` stands for itself. Beyond it, single quotes keep what is in them, a value that was put in is not looked into again, and what refers to
 * nothing stays: a password with a `$` is one.
 */
export class Expansion {
  readonly #written: ReadonlyMap<string, Written>;
  readonly #shell: NodeJS.ProcessEnv;
  readonly #known = new Map<string, Expanded>();

  constructor(written: ReadonlyMap<string, Written>, shell: NodeJS.ProcessEnv) {
    this.#written = written;
    this.#shell = shell;
  }

  of(name: string): Expanded {
    const known = this.#known.get(name);
    if (known) return known;
    const { value, quote } = this.#written.get(name) ?? { value: '', quote: "'" };
    const found = quote === "'" || !value.includes('$') ? { text: value, unknown: [] } : this.#put(name, value);
    this.#known.set(name, found);
    return found;
  }

  /** Does what one refers to lead to the other, over however many? */
  #leadsTo(name: string, target: string, seen = new Set<string>()): boolean {
    if (name === target) return true;
    const { value, quote } = this.#written.get(name) ?? { value: '', quote: "'" };
    if (quote === "'" || seen.has(name) || this.#shell[name] !== undefined) return false;
    seen.add(name);
    return referencesIn(value).some((other) => this.#leadsTo(other, target, seen));
  }

  #put(name: string, value: string): Expanded {
    const unknown = new Set<string>();
    const values: Record<string, string> = {};
    let size = value.length;
    for (const other of referencesIn(value)) {
      const isOurs = this.#written.has(other) && !this.#leadsTo(other, name);
      const found = this.#shell[other] ?? (isOurs ? this.of(other).text : undefined);
      if (found === undefined) unknown.add(other);
      else values[other] = found.replaceAll('$', DOLLAR);
      size += found?.length ?? 0;
    }
    if (size > LONGEST) return { text: value, unknown: [] };
    // Without a default, one that is unknown stays as it is written.
    const kept = value.replaceAll(/(?<!\\)\$(\{([A-Za-z_]\w*)\}|([A-Za-z_]\w*))/g, (all, rest: string, braced, bare) =>
      unknown.has(braced ?? bare) ? DOLLAR + rest : all,
    );
    const { parsed } = expand({ parsed: { [name]: kept }, processEnv: values });
    const isKept = (other: string) => new RegExp(`${DOLLAR}\\{?${other}\\b`).test(kept);
    return { text: (parsed?.[name] ?? kept).replaceAll(DOLLAR, '$'), unknown: [...unknown].filter(isKept) };
  }
}

function referencesIn(value: string): string[] {
  return [...value.matchAll(REFERENCE)].map(([, braced, bare]) => braced ?? bare ?? '');
}
