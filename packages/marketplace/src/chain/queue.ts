import type { PrismaClient } from '../../generated/prisma/client.ts';

export interface Queue {
  /** Rows not done. */
  waiting: number;
  /** Those of them that have failed at least once. */
  failing: number;
  /** Age of the oldest one. */
  oldestSeconds: number;
}

/** How deep the chain's queue is, and whether it moves. */
export async function readQueue(db: PrismaClient): Promise<Queue> {
  const open = { doneAt: null };
  const [waiting, failing, oldest] = await Promise.all([
    db.chainTask.count({ where: open }),
    db.chainTask.count({ where: { ...open, lastError: { not: null } } }),
    db.chainTask.findFirst({ where: open, orderBy: { createdAt: 'asc' }, select: { createdAt: true } }),
  ]);
  const oldestSeconds = oldest ? Math.max(0, (Date.now() - oldest.createdAt.getTime()) / 1_000) : 0;
  return { waiting, failing, oldestSeconds };
}
