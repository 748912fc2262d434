import { isCode } from '../codes.ts';

export interface Ignores {
  /** Code to the reason. */
  codes: Map<string, string>;
  /** Comments that count for nothing, and why. */
  faults: string[];
}

/** `-- drydock:ignore CODE[, CODE]: reason`, in the comments before a statement. The reason is kept in the report. */
export function readIgnores(comments: string): Ignores {
  const ignores: Ignores = { codes: new Map(), faults: [] };
  for (const [, list = '', reason = ''] of comments.matchAll(
    /drydock:ignore\s+([A-Z_,\s]*?[A-Z_])\s*(?::([^\n]*))?(?:\*\/|\n|$)/g,
  )) {
    const codes = list.split(/[,\s]+/).filter(Boolean);
    const unknown = codes.find((code) => !isCode(code));
    if (unknown) ignores.faults.push(`ignores ${unknown}, which is no code`);
    else if (!reason.trim()) ignores.faults.push(`ignores ${codes.join(', ')} without a reason`);
    else for (const code of codes) ignores.codes.set(code, reason.trim());
  }
  return ignores;
}
