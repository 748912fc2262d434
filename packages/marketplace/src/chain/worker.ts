import { setTimeout as sleep } from 'node:timers/promises';
import type { ChainTaskKind } from '../../generated/prisma/enums.ts';
import type { Services } from '../services.ts';
import { createEscrow, mintCertificate } from './tasks.ts';

const POLL_MS = 250;
/** A worker that dies leaves its row to others after this. */
const LEASE_SECONDS = 90;
const RETRY_MAX_MS = 60_000;

interface Claimed {
  id: bigint;
  kind: ChainTaskKind;
  jobId: string;
  attempts: number;
}

/**
 * Takes rows of the chain queue one by one. The chain is asked first each time, so a worker that was killed after
 * sending never sends again.
 */
export function startWorker(
  services: Services,
  log: (error: unknown, task?: Claimed) => void,
): { stop(): Promise<void> } {
  const stopping = new AbortController();
  let away = false;
  const loop = (async () => {
    while (!stopping.signal.aborted) {
      const busy = await runOne(services, log).catch((error) => {
        // The database is away; asked four times a second, and told once.
        if (!away) log(error);
        away = true;
        return undefined;
      });
      if (busy !== undefined) away = false;
      if (!busy) await sleep(POLL_MS, undefined, { signal: stopping.signal }).catch(() => {});
    }
  })();
  return {
    /** Finishes the row in hand. */
    async stop() {
      stopping.abort();
      await loop;
    },
  };
}

async function runOne(services: Services, log: (error: unknown, task?: Claimed) => void): Promise<boolean> {
  const task = await claim(services);
  if (!task) return false;
  try {
    await (task.kind === 'ESCROW' ? createEscrow(services, task.jobId) : mintCertificate(services, task.jobId));
    await services.db.chainTask.update({ where: { id: task.id }, data: { doneAt: new Date(), lastError: null } });
  } catch (error) {
    log(error, task);
    services.tracker.error(error, { job: task.jobId, kind: task.kind });
    const wait = Math.min(1_000 * 2 ** task.attempts, RETRY_MAX_MS);
    const lastError = ((error as { shortMessage?: string }).shortMessage ?? String(error)).slice(0, 500);
    await services.db.chainTask.update({
      where: { id: task.id },
      data: { lastError, runAfter: new Date(Date.now() + wait) },
    });
  }
  return true;
}

async function claim({ pool }: Services): Promise<Claimed | undefined> {
  const { rows } = await pool.query<Claimed>(
    `UPDATE "ChainTask" SET "attempts" = "attempts" + 1, "runAfter" = (now() AT TIME ZONE 'utc') + make_interval(secs => $1)
      WHERE "id" = (SELECT "id" FROM "ChainTask" WHERE "doneAt" IS NULL AND "runAfter" <= (now() AT TIME ZONE 'utc')
                     ORDER BY "id" LIMIT 1 FOR UPDATE SKIP LOCKED)
      RETURNING "id", "kind", "jobId", "attempts"`,
    [LEASE_SECONDS],
  );
  return rows[0];
}
