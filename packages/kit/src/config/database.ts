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
    scratch: z
      .strictObject({
        template: z
          .string()
          .optional()
          .describe(
            'Database that copies begin with, on the same server: it has the extensions that only a superuser may make.',
          ),
        url: z
          .string()
          .default('SCRATCH_DATABASE_URL')
          .describe(
            "Variable with the URL of a role that may make such extensions; where it is set, it makes in copies what the operator's role may not, databases too.",
          ),
      })
      .prefault({})
      .describe("How copies (for rehearsals, drills and restores) get what the operator's role may not make."),
  }),
  example: { url: 'OWNER_DATABASE_URL', appUrl: 'DATABASE_URL', scratch: { template: 'drydock_template' } },
  // Where both are one, the product cannot do without it.
  operators: ({ url, readUrl, appUrl, scratch }) => [url, readUrl, scratch.url].filter((name) => name !== appUrl),
  kinds: ({ url, appUrl, readUrl, scratch }) => ({
    [url]: 'postgres',
    [appUrl]: 'postgres',
    [readUrl]: 'postgres',
    [scratch.url]: 'postgres',
  }),
});

/** What a product writes under `database`; packages that read more of it add their keys. */
export interface DatabaseKeys extends SectionInput<typeof databaseSection> {}
