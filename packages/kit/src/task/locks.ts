import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from 'pg';
import { currentActor } from '../actor.ts';
import type { EnvName } from '../config/schema.ts';
import { OpsError } from '../errors.ts';
import type { Json } from '../json.ts';
import { lostError } from '../lock/refusal.ts';
import type { OperationsLock } from '../lock/types.ts';
import { formatDuration } from '../output/terminal.ts';
import { ownName } from '../state/owner.ts';
import type { AnyChangeTask, TaskContext } from './types.ts';

export interface AuditInput {
  event: string;
  outcome: 'done' | 'failed';
  metadata: { [key: string]: Json };
  /** The run's own last event: written once, however often the end of a run is repeated. */
  closing?: boolean;
  /** Told apart by this within the run: written once, however often the step that writes it is repeated. */
  once?: string | undefined;
}

/** The locks of one run, and the audit logs of the environments that they protect. */
export interface HeldLocks {
  assertHeld(): Promise<void>;
  audit(ctx: TaskContext, input: AuditInput): Promise<void>;
  /** The session that holds the lock of an environment; see OperationsLock. */
  sessionOf(env: EnvName): Client | undefined;
  /** Each database is told which environment it is. Once the run is confirmed: one that is refused has told nobody anything. */
  claim(): Promise<void>;
  /** See StepContext.withoutLockSession. */
  without<T>(work: () => Promise<T>): Promise<T>;
  release(): Promise<void>;
}

/** Takes every lock a run needs, or none. Held by another, and still after `waitMs`: LOCKED, exit 5. */
export async function takeLocks(
  task: AnyChangeTask,
  environments: EnvName[],
  ctx: TaskContext,
  { onLost, waitMs }: { onLost: (error: OpsError) => void; waitMs: number },
): Promise<HeldLocks> {
  const until = Date.now() + waitMs;
  const held: OperationsLock[] = [];
  const sessions = new Map<EnvName, OperationsLock>();
  const release = async () => {
    sessions.clear();
    for (const lock of held.splice(0).reverse()) await lock.release();
  };
  const take = async () => {
    for (const { env, acquire } of acquirers(task, environments, ctx)) {
      const lock = await patiently(acquire, until, ctx);
      lock.onLost(onLost);
      held.push(lock);
      if (env !== undefined) sessions.set(env, lock);
      if (lock.kind === 'file' && task.lock === 'environment') {
        ctx.out.warn(
          'The database cannot be reached: a lock file in this checkout is used instead, which other machines and other users do not see.',
        );
      }
    }
  };
  try {
    await take();
  } catch (error) {
    await release();
    throw error;
  }
  return {
    release,
    sessionOf: (env) => sessions.get(env)?.session?.(),
    async claim() {
      for (const lock of held) await lock.claim?.();
    },
    async without(work) {
      // One that is a file already does not go away with the database.
      if (task.lock !== 'environment' || held.every(({ kind }) => kind === 'file')) return work();
      const guards = await standIns(task, environments, ctx);
      await release();
      const [worked] = await Promise.allSettled([work()]);
      try {
        await take();
      } catch (error) {
        // What follows, undoing too, stands under the files.
        held.push(...guards);
        throw worked.status === 'rejected' ? worked.reason : error;
      }
      for (const guard of guards) await guard.release();
      if (worked.status === 'rejected') throw worked.reason;
      return worked.value;
    },
    assertHeld: async () => {
      if (held.length === 0 && environments.length > 0) throw lostError(environments.join(', '));
      for (const lock of held) await lock.assertHeld();
    },
    audit: async (bound, input) => {
      for (const env of environments) await audit(bound, env, input);
    },
  };
}

const LOOK_AGAIN_MS = 1_000;

/** Asks again for a lock that another holds, and says once for whom it waits. */
async function patiently(
  acquire: () => Promise<OperationsLock>,
  until: number,
  ctx: TaskContext,
): Promise<OperationsLock> {
  for (let told = false; ; told = true) {
    try {
      return await acquire();
    } catch (error) {
      const left = until - Date.now();
      if (!(error instanceof OpsError) || error.code !== 'LOCKED' || left <= 0) throw error;
      if (!told) ctx.out.warn(`Waiting up to ${formatDuration(left)}: ${error.message}`);
      await sleep(Math.min(LOOK_AGAIN_MS, left), undefined, { signal: ctx.signal });
    }
  }
}

async function standIns(task: AnyChangeTask, environments: EnvName[], ctx: TaskContext): Promise<OperationsLock[]> {
  const { acquireFileLock } = await import('../lock/file.ts');
  const { unlockCommand } = await import('../lock/environment.ts');
  const holder = { task: task.name, run: ctx.run, reason: ctx.reason };
  const { config } = ctx;
  return environments.map((env) => acquireFileLock(config.root, ownName(config, env), holder, unlockCommand(env)));
}

/** `env` of those that are an environment's. */
interface Acquirer {
  env?: EnvName;
  acquire(): Promise<OperationsLock>;
}

function acquirers(task: AnyChangeTask, environments: EnvName[], ctx: TaskContext): Acquirer[] {
  const holder = { task: task.name, run: ctx.run, reason: ctx.reason };
  if (task.lock === 'checkout') {
    const acquire = async () => (await import('../lock/checkout.ts')).acquireCheckoutLock(ctx.config.root, holder);
    return [{ acquire }];
  }
  // Always in the same order, so that two runs on several environments cannot wait for each other.
  return environments.toSorted().map((env) => ({
    env,
    async acquire() {
      const { acquireEnvironmentLock } = await import('../lock/environment.ts');
      return acquireEnvironmentLock(ctx.environmentOf(env), {
        config: ctx.config,
        claims: task.claims === true,
        mends: task.mendsDatabase === true,
        reads: task.onlyReads === true || task.needsNoWrites?.(ctx) === true,
        ...holder,
      });
    },
  }));
}

async function audit(
  ctx: TaskContext,
  env: EnvName,
  { event, outcome, metadata, closing, once }: AuditInput,
): Promise<void> {
  const { appendAudit } = await import('../audit/append.ts');
  const { state } = await appendAudit(ctx.environmentOf(env), {
    config: ctx.config,
    run: ctx.run,
    task: ctx.task,
    actor: currentActor(process.env),
    event,
    reason: ctx.reason,
    outcome,
    metadata,
    ...(closing ? { id: ctx.run } : once ? { id: `${ctx.run}-${once}` } : {}),
  });
  if (state === 'waiting')
    ctx.out.warn(
      `The audit event ${event} waits beside the journal: the database of ${env} is away, or takes no writes.`,
    );
}
