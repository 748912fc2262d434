import { z } from 'zod';

/** A wallet in a column of the job's table, or in another table that the column points into. */
const wallet = z.strictObject({
  column: z.string().describe("Column of the job's table: the wallet itself, or what points to it."),
  in: z
    .strictObject({
      table: z.string().describe('The table that the column points into.'),
      key: z.string().default('id').describe('Its column that is pointed to.'),
      wallet: z.string().describe('Its column with the wallet.'),
    })
    .optional()
    .describe('Where the column points into another table.'),
});

/** Where the product keeps what it believes about its escrows. Names as the database has them. */
export const escrowTablesSchema = z.strictObject({
  schema: z.string().optional().describe('PostgreSQL schema; unset: the one of the URL.'),
  jobs: z.string().default('Job').describe('Table of the jobs.'),
  columns: z
    .strictObject({
      id: z.string().default('id').describe("The job's id, which the chain knows too."),
      pending: z.string().default('escrowPending').describe('Whether an escrow is on its way.'),
      deployed: z.string().default('escrowDeployed').describe('Whether it is there.'),
      address: z.string().default('escrowAddress').describe('Its address.'),
      txHash: z.string().default('escrowTxHash').describe('The transaction that made it.'),
      since: z.string().default('escrowSince').describe('Since when it is pending.'),
    })
    .prefault({})
    .describe('Columns of it.'),
  client: wallet
    .default({ column: 'clientId', in: { table: 'User', key: 'id', wallet: 'wallet' } })
    .describe('The wallet of who gives the money.'),
  freelancer: wallet
    .default({ column: 'freelancerId', in: { table: 'User', key: 'id', wallet: 'wallet' } })
    .describe('The wallet of who is paid.'),
  amounts: z
    .union([
      z.strictObject({
        table: z.string().describe('Table with a row a milestone.'),
        job: z.string().describe('Its column with the id of the job.'),
        position: z.string().describe('Its column with the order.'),
        amount: z.string().describe('Its column with the amount.'),
        releasedAt: z
          .string()
          .nullable()
          .default(null)
          .describe('Its column with the time at which it was paid; null if the product does not keep it.'),
        releaseTxHash: z
          .string()
          .nullable()
          .default(null)
          .describe('Its column with the transaction that paid it; null if the product does not keep it.'),
      }),
      z.strictObject({ column: z.string().describe("Column of the job's table.") }),
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
    .strictObject({
      column: z.string().describe("Of the job's table."),
      from: z.string().describe('The value that it has.'),
      to: z.string().describe('The value that it gets.'),
    })
    .nullable()
    .default({ column: 'status', from: 'ASSIGNED', to: 'FUNDED' })
    .describe('What the product also sets once the escrow is there.'),
});
