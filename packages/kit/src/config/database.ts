import { z } from 'zod';
import { defineSection, type SectionInput } from './section.ts';

/** How one gets to the database: what every feature needs of it. */
export const databaseSection = defineSection({
  key: 'database',
  about: 'The product’s PostgreSQL: how one gets there. Addresses are secret, so that the config names variables.',
  schema: z.strictObject({
    url: z
      .string()
      .default('OPS_DATABASE_URL')
      .describe("Variable with the operator's URL: a role that owns the schema and may CREATEDB (for rehearsals)."),
    appUrl: z
      .string()
      .default('DATABASE_URL')
      .describe("Variable with the URL that the product itself uses; the operator's falls back to it."),
    readUrl: z
      .string()
      .default('READ_DATABASE_URL')
      .describe(
        'Variable with the URL of a role that may only read; where it is set, queries of drills, plans and health run as that role.',
      ),
  }),
  example: { url: 'OWNER_DATABASE_URL', appUrl: 'DATABASE_URL' },
  // Where both are one, the product cannot do without it.
  operators: ({ url, readUrl, appUrl }) => [url, readUrl].filter((name) => name !== appUrl),
  kinds: ({ url, appUrl, readUrl }) => ({ [url]: 'postgres', [appUrl]: 'postgres', [readUrl]: 'postgres' }),
});

/** What a product writes under `database`; packages that read more of it add their keys. */
export interface DatabaseKeys extends SectionInput<typeof databaseSection> {}
