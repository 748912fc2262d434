import { z } from 'zod';

/** Keys that every secret has, whatever its kind. */
export const commonShape = {
  everyDays: z
    .number()
    .int()
    .positive()
    .default(90)
    .describe('It is overdue when it is older: secrets:status says no then, and the checklist too.'),
  stores: z
    .array(z.string())
    .min(1)
    .default(['env'])
    .describe('Where it is kept, by the names of `secrets.stores`; the first is read. `env` is the env file.'),
  validate: z
    .strictObject({
      command: z.array(z.string()).min(1).describe('Program and arguments.'),
      timeoutMs: z.number().int().positive().default(60_000).describe('How long it may take.'),
    })
    .optional()
    .describe(
      "A targeted call of the product's: run with the environment's variables and the new secret, exit 0 means that it works.",
    ),
};
