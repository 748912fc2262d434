import { z } from 'zod';

const recipient = z.string().regex(/^age1[0-9a-z]{58}$/, 'must be a public key of age: age1 and 58 characters');

export const teamSchema = z.strictObject({
  recipients: z
    .array(
      z.strictObject({
        name: z.string().min(1).describe('Whose key it is.'),
        recipient: recipient.describe("age's public key."),
        environments: z
          .array(z.string())
          .optional()
          .describe('Environments whose secrets they can open.')
          .meta({ byItself: 'all' }),
      }),
    )
    .default([])
    .describe(
      'Whom values are encrypted to. With none, to a key of this checkout alone: nobody else can then go on with a rotation.',
    ),
  identity: z
    .string()
    .default('SECRETS_IDENTITY')
    .describe("Variable with the operator's own key: AGE-SECRET-KEY-1…, or the path of a file that holds it."),
});
