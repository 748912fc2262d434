import { z } from 'zod';

/** A wallet in a column of the job's table, or in another table that the column points into. */
const wallet = z.strictObject({
  column: z.string(),
  in: z.strictObject({ table: z.string(), key: z.string().default('id'), wallet: z.string() }).optional(),
});

/** Where the product keeps what it believes about its escrows. Names as the database has them. */
export const escrowTablesSchema = z.strictObject({
  schema: z.string().optional().describe('PostgreSQL schema; unset: the one of the URL.'),
  jobs: z.string().default('Job'),
  columns: z
    .strictObject({
      id: z.string().default('id'),
      pending: z.string().default('escrowPending'),
      deployed: z.string().default('escrowDeployed'),
      address: z.string().default('escrowAddress'),
      txHash: z.string().default('escrowTxHash'),
      since: z.string().default('escrowSince'),
    })
    .prefault({}),
  client: wallet.default({ column: 'clientId', in: { table: 'User', key: 'id', wallet: 'wallet' } }),
  freelancer: wallet.default({ column: 'freelancerId', in: { table: 'User', key: 'id', wallet: 'wallet' } }),
  amounts: z
    .union([
      z.strictObject({
        table: z.string(),
        job: z.string(),
        position: z.string(),
        amount: z.string(),
        releasedAt: z
          .string()
          .nullable()
          .default(null)
          .describe('When a milestone was paid, and by which transaction; null if the product does not keep it.'),
        releaseTxHash: z.string().nullable().default(null),
      }),
      z.strictObject({ column: z.string() }),
    ])
    .default({
      table: 'Milestone',
      job: 'jobId',
      position: 'position',
      amount: 'amount',
      releasedAt: 'releasedAt',
      releaseTxHash: 'releaseTxHash',
    })
    .describe("Amounts in wei: rows of another table, in order, or one column of the job's."),
  whenDeployed: z
    .strictObject({ column: z.string(), from: z.string(), to: z.string() })
    .nullable()
    .default({ column: 'status', from: 'ASSIGNED', to: 'FUNDED' })
    .describe('What the product also sets once the escrow is there: a column that has the value `from` gets `to`.'),
});
