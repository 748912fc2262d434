import { z } from 'zod';

const command = z.array(z.string()).min(1);

export const storeSchema = z.discriminatedUnion('kind', [
  z
    .strictObject({ kind: z.literal('env').describe('Of what kind it is: `env`, `command` or `aws`.') })
    .describe("The environment's dotenv-flow file, in which the variable stands today."),
  z
    .strictObject({
      kind: z.literal('command').describe('A program.'),
      read: command.describe('Prints the value of `{variable}` of `{env}` on standard output; exit 0.'),
      write: command.describe('Keeps what comes on standard input as `{variable}` of `{env}`.'),
      remove: command.optional().describe('Takes `{variable}` of `{env}` out.'),
      check: command.optional().describe('Exit 0 where the store can be written, as after a login.'),
      missing: z
        .string()
        .optional()
        .describe(
          'What `read` says, in its errors, where it has no such value; those of op, vault, aws and pass are known.',
        ),
      timeoutMs: z.number().int().positive().default(30_000).describe('How long each may take.'),
    })
    .describe('A program: op, vault, aws, pass.'),
  z
    .strictObject({
      kind: z.literal('aws').describe('AWS Secrets Manager.'),
      secretId: z
        .string()
        .describe('Name or ARN of the secret, a JSON object of variables; `{env}` stands for the environment.'),
      region: z.string().optional().describe("AWS's own variables say it where this does not."),
      endpoint: z.string().optional().describe('Another address than that of AWS.'),
    })
    .describe('AWS Secrets Manager.'),
]);
export type StoreConfig = z.output<typeof storeSchema>;

export const storesSchema = z
  .record(z.string(), storeSchema)
  .prefault({ env: { kind: 'env' } })
  .transform((stores): Record<string, StoreConfig> => ({ env: { kind: 'env' }, ...stores }))
  .describe('Places that hold secrets, by a name of your own; `env` is always there.');
