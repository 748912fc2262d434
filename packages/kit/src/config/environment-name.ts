import { z } from 'zod';

let known: readonly string[] | undefined;

/** The name of an environment, which must be one of the config's. zod hands no context to its checks: see `naming`. */
export const environmentName = z.string().superRefine((name, ctx) => {
  if (known && !known.includes(name))
    ctx.addIssue({ code: 'custom', message: `"${name}" is no environment of this config (${known.join(', ')})` });
});

/** Checks, in which `environmentName` is one of these. */
export function naming<T>(environments: readonly string[], check: () => T): T {
  known = environments;
  try {
    return check();
  } finally {
    known = undefined;
  }
}
