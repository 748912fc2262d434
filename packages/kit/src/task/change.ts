import { ulid } from 'ulid';
import { currentActor, currentHost } from '../actor.ts';
import type { EnvName } from '../config/schema.ts';
import { EXIT, OpsError, PAUSED, toOpsError, usageError } from '../errors.ts';
import { command, hint } from '../hint.ts';
import { runFolder } from '../journal/file-journal.ts';
import { freeReserve } from '../journal/reserve.ts';
import type { RunState } from '../journal/state.ts';
import type { Journal, RunProcess, RunStart } from '../journal/types.ts';
import type { Json } from '../json.ts';
import { refuseForeignDatabase } from '../lock/identity.ts';
import { processStart } from '../process/identity.ts';
import { makeStateFolder } from '../state/folder.ts';
import { ownerOf } from '../state/owner.ts';
import { sweepState } from '../state/sweep.ts';
import { describe, runSteps } from '../steps/run.ts';
import { type Answers, askAbout, changing, isOpen, MOST_ROUNDS } from './agree.ts';
import { asksToResume, type CommonValues } from './args.ts';
import { begunContext } from './context.ts';
import { type GuardInput, refuseUnconfirmed } from './guard.ts';
import { headline } from './headline.ts';
import { exceptInterrupts } from './interrupt.ts';
import { lastWords, withWords } from './last-words.ts';
import { tellOfLeftRuns, tellOfThisRun } from './left.ts';
import { type HeldLocks, takeLocks } from './locks.ts';
import { type Next, substance, whatNext } from './next.ts';
import { refuseOtherSteps } from './other-steps.ts';
import { nodesOf, planRun, type RunPlan, tellPlan } from './plan.ts';
import { isInteractive } from './prompt.ts';
import { wasStartedByNpm } from './swallowed.ts';
import { learnOfOthers, openJournal } from './team.ts';
import type { AnyChangeTask, Outcome, Steps, TaskContext } from './types.ts';

export interface ChangeRun {
  task: AnyChangeTask;
  ctx: TaskContext;
  common: CommonValues;
  argv: string[];
  shell: NodeJS.ProcessEnv;
  /** Stops the run when a lock is lost. */
  abort(reason: OpsError): void;
}

/**
 * Guard → lock → plan → journal → steps → audit. Nothing is written before the lock is held. Where somebody is asked, the lock
 * is given back meanwhile, taken again, and what they agreed to must still be what there is to do.
 */
export async function runChange(asked: ChangeRun): Promise<Outcome> {
  const { task, common } = asked;
  const run = { ...asked, ctx: await withAnswers(asked) };
  const { ctx } = run;
  // A run that goes on has the flags that it was begun with.
  if (!asksToResume(common)) task.refuseFlags?.(ctx);
  const environments = environmentsOf(run);
  ctx.out.line(headline(task.name, environments, ctx));
  if (common.plan) return showPlan(run);
  const guard: GuardInput = {
    task: task.name,
    config: ctx.config,
    environments,
    common,
    interactive: isInteractive(),
    destructive: task.destructive === true,
    resumes: asksToResume(common),
    // npm may have kept a flag without a trace.
    unsaid: run.argv.length === 0 && isInteractive() && wasStartedByNpm(task.name, run.shell),
    signal: ctx.signal,
  };
  refuseUnconfirmed(guard);
  refuseUnwritable(ctx.config.root, environments);
  sweepState(ctx.config.root);
  let answers: Answers = { reason: common.reason };
  for (let round = 1; ; round++) {
    const locks = await orAllMissing(run, () =>
      takeLocks(task, environments, ctx, { onLost: run.abort, waitMs: common.lockWait ?? 0 }),
    );
    let next: Next;
    try {
      const left = await learnOfOthers(task, ctx, locks, answers.goOn ?? common.resume);
      await tellOfLeftRuns(ctx.config, left).catch((unwritten) => warnUnwritten(ctx, unwritten));
      next = await whatNext(run, answers.goOn, left);
      if (answers.to === substance(next) || !isOpen(guard, next))
        return await ('state' in next
          ? resume(run, next.state, locks, answers)
          : begin(run, next.planned, locks, answers));
    } finally {
      await locks.release();
    }
    if (round > MOST_ROUNDS) throw changing(guard);
    if (answers.to !== undefined)
      ctx.out.warn('Something else has changed meanwhile; this is what there is to do now.');
    answers = await askAbout(ctx, guard, next, answers);
  }
}

/** The context, with what a person said where no flag does. */
async function withAnswers({ task, ctx, common }: ChangeRun): Promise<TaskContext> {
  if (!task.questions || common.yes || common.plan || asksToResume(common)) return ctx;
  if (!isInteractive())
    throw usageError(
      'NOBODY_TO_ASK',
      `${task.name} asks before it writes, and nobody can be asked here.`,
      hint`Look what it would do: ${command(task.name, { plan: true })}   Then take that: ${command(task.name, { yes: true })}`,
    );
  const { run, flags, words, reason } = ctx;
  const answers: Record<string, unknown> = await task.questions(ctx);
  return begunContext(ctx, { run, words, reason, flags: { ...flags, ...answers } });
}

/** A database that refuses us is perhaps not all that is missing: a task that can tell the rest tells it at once. */
async function orAllMissing<T>({ task, ctx, common }: ChangeRun, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const others = ctx.signal.aborted || asksToResume(common) || toOpsError(error).exit === EXIT.locked;
    if (!others) await task.withoutLock?.(ctx);
    throw error;
  }
}

/** Before anything is begun: what cannot be written down is not done. */
function refuseUnwritable(root: string, environments: readonly EnvName[]): void {
  try {
    for (const names of [['runs'], ...environments.map((env) => ['outbox', env])]) makeStateFolder(root, ...names);
  } catch (cause) {
    const { code = '' } = cause as NodeJS.ErrnoException;
    // Something else in its place is named by the journal.
    if (code === 'ENOTDIR') return;
    if (cause instanceof OpsError) throw cause;
    throw new OpsError({
      code: 'STATE_NOT_WRITABLE',
      message: `The folder .drydock of ${root} cannot be written (${code}).`,
      hint: 'Make it writable for you, free disk space, or name a folder for what you do with XDG_STATE_HOME, and run it again.',
      cause,
    });
  }
}

function environmentsOf({ task, ctx }: ChangeRun): EnvName[] {
  if (task.environments) return task.environments(ctx);
  return task.perEnvironment === false ? [] : [ctx.env];
}

async function showPlan(run: ChangeRun): Promise<Outcome> {
  const { task, ctx } = run;
  if (task.lock === 'environment' && !task.claims)
    await orAllMissing(run, async () => {
      for (const env of environmentsOf(run)) await refuseForeignDatabase(ctx.config, ctx.environmentOf(env));
    });
  const planned = await planRun(task, ctx);
  tellPlan(ctx, planned, true);
  const { plan, lines, steps } = planned;
  const nothing = steps.length > 0 ? 'Nothing to do: the steps would only make sure.' : 'Nothing to do.';
  return { verdict: lines.length > 0 ? 'This is the plan; nothing was changed.' : nothing, data: { plan, steps } };
}

async function begin(run: ChangeRun, planned: RunPlan, locks: HeldLocks, { reason, to }: Answers): Promise<Outcome> {
  const { task, ctx } = run;
  // Who was asked has seen it.
  if (to === undefined) tellPlan(ctx, planned, false);
  const { plan, steps } = planned;
  const journal = openJournal(task, ctx, locks, ctx.run);
  const start: RunStart = {
    argv: run.argv,
    perEnvironment: task.perEnvironment !== false,
    flags: ctx.flags as { [key: string]: Json },
    ...(ctx.words.length > 0 ? { words: ctx.words } : {}),
    plan,
    steps,
    ...(reason ? { reason } : {}),
    actor: currentActor(run.shell),
    environments: environmentsOf(run),
    ...thisProcess(ctx),
  };
  await journal.append({ event: 'run.started', data: start as unknown as Json });
  const begun = begunContext(ctx, { run: ctx.run, flags: ctx.flags, words: ctx.words, reason });
  return execute(run.task, { ctx: begun, plan, journal, before: new Map(), locks });
}

function thisProcess({ config }: TaskContext): Required<RunProcess> {
  return {
    ...ownerOf(config),
    ...{ pid: process.pid, processStart: processStart(process.pid) ?? '', host: currentHost() },
  };
}

async function resume(run: ChangeRun, state: RunState, locks: HeldLocks, answers: Answers): Promise<Outcome> {
  const { task, ctx } = run;
  const { flags, words = [], plan } = state.start;
  const reason = reasonOf(state.start.reason, answers.reason);
  // A resumed run is the run that was begun: its flags, its plan and its reason.
  const begun = begunContext(ctx, { run: state.run, flags: flags as TaskContext['flags'], words, reason });
  refuseOtherSteps(task, begun, state);
  const journal = openJournal(task, ctx, locks, state.run);
  await journal.append({
    event: 'run.resumed',
    data: { actor: currentActor(run.shell), ...thisProcess(ctx), ...(reason ? { reason } : {}) },
  });
  ctx.out.line(
    `Going on with run ${state.run}, begun ${state.startedAt}${state.truncated ? ' (its last journal line was cut off)' : ''}`,
  );
  return execute(task, { ctx: begun, plan, journal, before: state.steps, locks });
}

/** For the audit log: why it was begun, and why somebody goes on with it, where that is said as well. */
function reasonOf(begun: string | undefined, resumed: string | undefined): string | undefined {
  if (begun === undefined || resumed === undefined || begun === resumed) return begun ?? resumed;
  return `${begun} (gone on with: ${resumed})`;
}

interface Execution {
  ctx: TaskContext;
  plan: Json;
  journal: Journal;
  before: RunState['steps'];
  locks: HeldLocks;
}

async function execute(task: AnyChangeTask, execution: Execution): Promise<Outcome> {
  const { ctx, plan, journal, before, locks } = execution;
  try {
    if (!task.claims) await locks.claim();
    const steps: Steps = task.steps(ctx, plan);
    const results = await runSteps({
      nodes: nodesOf(steps),
      journal,
      before,
      out: ctx.out,
      signal: task.untilStopped ? exceptInterrupts(ctx.signal) : ctx.signal,
      assertLocked: () => locks.assertHeld(),
      withoutLockSession: (work) => locks.without(work),
      audit: (event, metadata, once) => locks.audit(ctx, { event, outcome: 'done', metadata, once }),
      onFailure: task.onFailure ?? 'undo',
      typed: ctx.typed,
    });
    const outcome = await task.outcome(ctx, plan, results, steps);
    // Audited before run.done: a kill in between resumes into the same event, whose id keeps it single.
    await locks.audit(ctx, {
      event: task.name,
      outcome: 'done',
      metadata: { verdict: outcome.verdict },
      closing: true,
    });
    await close(journal);
    return outcome;
  } catch (thrown) {
    const reason = toOpsError(thrown);
    const words = await lastWords(task, execution);
    if (ctx.signal.aborted || reason.code === PAUSED) {
      await tellOfThisRun(ctx.config, journal.run).catch((unwritten) => warnUnwritten(ctx, unwritten));
      throw ctx.signal.aborted ? interrupted(task, ctx, withWords(reason, words)) : withWords(reason, words);
    }
    const error = withWords(reason, words, words?.next);
    await writeDown(task, execution, error);
    throw error;
  }
}

async function close(journal: Journal): Promise<void> {
  try {
    await journal.append({ event: 'run.done' });
  } catch (thrown) {
    const { code, message, hint } = toOpsError(thrown);
    const said = `Everything is done, but that could not be written down: ${message}`;
    throw new OpsError({ code, message: said, hint, cause: thrown });
  }
}

/**
 * That a run failed. If that cannot be written, it is said beside the reason, which must not be lost for it. The audit log first: a kill
 * in between leaves a run that can be gone on with.
 */
async function writeDown(task: AnyChangeTask, { ctx, journal, locks }: Execution, error: OpsError): Promise<void> {
  const metadata = { code: error.code, message: error.message };
  freeReserve(runFolder(ctx.config.root, journal.run));
  await locks
    .audit(ctx, { event: task.name, outcome: 'failed', metadata })
    .catch((unwritten) => warnUnwritten(ctx, unwritten));
  try {
    await journal.append({ event: 'run.failed', error: describe(error, ctx.typed) });
  } catch (unwritten) {
    warnUnwritten(ctx, unwritten);
  }
}

function warnUnwritten({ out }: TaskContext, unwritten: unknown): void {
  out.warn(`How a run ended could not be written down: ${toOpsError(unwritten).message}`);
}

/** Whatever failed before: that it was stopped is why it did not come to its end, and it can be gone on with. */
function interrupted(task: AnyChangeTask, { run, signal }: TaskContext, error: OpsError): OpsError {
  const stop = signal.reason instanceof OpsError && signal.reason.code !== error.code ? signal.reason : error;
  return new OpsError({
    code: stop.code,
    message: error.message,
    hint: hint`Nothing is lost. Go on: ${command(task.name, { resume: run })}`,
    exit: stop.exit,
    cause: error,
  });
}

/** A new run's id: sorts by time. */
export function newRunId(): string {
  return ulid();
}
