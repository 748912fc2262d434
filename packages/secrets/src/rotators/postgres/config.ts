import { z } from 'zod';
import { commonShape } from '../../config/common.ts';

const role = z.string().min(1);

export const postgresSecret = z
  .strictObject({
    kind: z.literal('postgres'),
    variable: z.string().describe('The variable with the URL, login and password in it.'),
    also: z
      .array(z.string())
      .default([])
      .describe('Other variables with the same login, as with a direct address beside that of a pooler.'),
    owner: role
      .optional()
      .describe('The role that both logins work as; it owns what they make.')
      .meta({ byItself: "the login's name without its `_a` or `_b`" }),
    logins: z
      .array(role)
      .length(2)
      .optional()
      .describe('The two login roles that are used in turn.')
      .meta({ byItself: '`OWNER_a` and `OWNER_b`' }),
    rotator: z
      .string()
      .optional()
      .describe(
        'Variable with the URL of the role that makes and closes logins: CREATEROLE, and ADMIN OPTION on the owner role.',
      )
      .meta({ byItself: "the operator's URL" }),
    pooler: z
      .array(z.string())
      .min(1)
      .optional()
      .describe(
        'Tells a pooler with a file of users (auth_file) of a new login: a program that gets the line of userlist.txt on its standard input.',
      ),
    ...commonShape,
  })
  .describe('The login of a PostgreSQL URL: two login roles in one owner role, used in turn.');
export type PostgresSecret = z.output<typeof postgresSecret>;
