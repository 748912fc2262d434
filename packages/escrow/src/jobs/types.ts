/** What the database believes of one job's escrow. */
export interface JobRow {
  id: string;
  pending: boolean;
  deployed: boolean;
  address: string | null;
  txHash: string | null;
  /** When the escrow was asked for, in milliseconds since 1970. */
  sinceMs: number | null;
  /** Wei of all milestones. */
  total: bigint;
  /** Wei of those not paid; undefined if the product does not keep that. */
  open: bigint | undefined;
  /** What of it cannot be read, as a sentence without its subject: nothing is decided by the rest of it then. */
  problem?: string;
}

/** Of the job's row, when a transaction was decided on; all null where the product has no column for it. */
export type Recalled = { hash: string | null; pending: boolean | null; deployed: boolean | null };

/** What an escrow is made with. */
export interface Order {
  jobId: string;
  client: string;
  freelancer: string;
  /** Wei per milestone, in order, as decimal text: it stands in the journal. */
  amounts: string[];
}
