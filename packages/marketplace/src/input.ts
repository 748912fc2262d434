import { z } from 'zod';

/** As they stand in addresses. */
export const id = z.string().regex(/^[\w-]{1,64}$/, 'is no id');

/** Text as PostgreSQL can keep it: NUL is the one character it cannot. */
export const text = (min: number, max: number) =>
  z
    .string()
    .refine((value) => !value.includes('\0'), 'must be plain text')
    .trim()
    .min(min, min === 1 ? 'must not be empty' : `must have at least ${min} characters`)
    .max(max, `must have at most ${max.toLocaleString('en')} characters`);
