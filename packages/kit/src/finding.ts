import type { Hint } from './hint.ts';

/** One thing that was found, for a person and for `--json`. */
export interface Finding {
  level: 'error' | 'warn' | 'info';
  /** Stable: people ignore, count and link findings by it. */
  code: string;
  message: string;
  hint?: Hint | undefined;
  /** Where, if it is about a file; lines count from 1. */
  file?: string;
  line?: number;
  /** Which one it is, in a few words: for a list, where many are of the same kind. */
  about?: string;
  /** What to do instead, line by line, ready to paste. */
  recipe?: string[];
}
