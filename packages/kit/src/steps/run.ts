import { EXIT, errorOn, OpsError, PAUSED, toOpsError } from '../errors.ts';
import type { Hint } from '../hint.ts';
import type { StepRecord } from '../journal/state.ts';
import type { EntryBody, Journal } from '../journal/types.ts';
import type { Json } from '../json.ts';
import type { Output, Progress } from '../output/output.ts';
import { formatDuration } from '../output/terminal.ts';
import { orInterrupted } from './grace.ts';
import { ResultStore } from './results.ts';
import type { Step, StepContext, StepGroup, StepNode, StepResults } from './types.ts';
import { type DoneStep, describeUndo, undoSteps } from './undo.ts';

export interface RunStepsOptions {
  nodes: StepNode[];
  journal: Journal;
  /** What the journal says of an earlier attempt; empty for a first one. */
  before: ReadonlyMap<string, StepRecord>;
  out: Output;
  signal: AbortSignal;
  /** Throws when the lock was lost. Asked before each step that would change something. */
  assertLocked(): Promise<void>;
  audit: StepContext['audit'];
  withoutLockSession: StepContext['withoutLockSession'];
  onFailure: 'undo' | 'keep';
  /** A hint as the operator would type it: the journal keeps words. */
  typed: (hint: Hint) => string;
}

/**
 * Executes steps in order, journalling before and after each. Resolves with the steps' data; rejects with the first
 * error after undoing what can be undone, or with INTERRUPTED (exit 130), PAUSED or LOCK_LOST, which undo nothing: the first two leave
 * the run open for a resume, and after the third another operator may be at work.
 */
export async function runSteps(options: RunStepsOptions): Promise<StepResults> {
  const runner = new StepRunner(options);
  await runner.runAll(options.nodes, '');
  return runner.results;
}

class StepRunner {
  readonly results = new ResultStore();
  readonly #options: RunStepsOptions;
  readonly #done: DoneStep[] = [];
  readonly #ctx: StepContext;
  #progress: Progress | undefined;
  /** Of the group that runs, where it is not the run's. */
  #env: string | undefined;

  constructor(options: RunStepsOptions) {
    this.#options = options;
    this.#ctx = {
      run: options.journal.run,
      out: options.out,
      signal: options.signal,
      results: this.results,
      detail: (text) => this.#progress?.update(text),
      audit: options.audit,
      withoutLockSession: options.withoutLockSession,
    };
  }

  async runAll(nodes: StepNode[], prefix: string): Promise<void> {
    for (const node of nodes) {
      const name = prefix + node.name;
      if ('steps' in node) await this.#runGroup(name, node);
      else await this.#runStep(name, node);
    }
  }

  async #runGroup(name: string, group: StepGroup): Promise<void> {
    const around = this.#env;
    this.#env = group.env ?? around;
    const record = this.#options.before.get(name);
    let plan = record?.data;
    if (plan === undefined) {
      plan = await this.#guarded(name, () => group.plan(this.#ctx));
      await this.#write({ event: 'step.started', step: name, data: plan });
    }
    const before = this.#done.length;
    await this.runAll(group.steps(plan), `${name} › `);
    if (group.keepWhenDone) this.#done.length = before;
    if (record?.state !== 'done') await this.#write({ event: 'step.done', step: name });
    this.results.set(group, plan);
    this.#env = around;
  }

  async #runStep(name: string, step: Step): Promise<void> {
    const record = this.#options.before.get(name);
    if (record && (record.state === 'done' || record.state === 'skipped')) {
      this.#remember(name, step, record.data ?? null, record.state === 'done');
      this.#options.out.line(`· ${name} (done before)`);
      return;
    }
    const started = performance.now();
    const progress = this.#options.out.progress(name);
    this.#progress = progress;
    try {
      const skipped = await this.#execute(name, step, record !== undefined);
      const took = formatDuration(performance.now() - started);
      progress.done(`${name}  ${skipped ? 'already so' : took}`);
    } catch (error) {
      progress.fail(`${name}  ${formatDuration(performance.now() - started)}`);
      throw error;
    }
  }

  /** Returns true when the world was already as the step would make it. */
  async #execute(name: string, step: Step, attempted: boolean): Promise<boolean> {
    if (attempted || step.alwaysCheck) {
      const found = await this.#guarded(name, () => step.check?.(this.#ctx) ?? Promise.resolve(undefined), {
        keeps: step.houseKeeping,
        looks: true,
      });
      if (found !== undefined) {
        // Found after an attempt of ours, it is our doing (and ours to undo); found at first sight, it is not.
        await this.#write({ event: attempted ? 'step.done' : 'step.skipped', step: name, data: found });
        this.#remember(name, step, found, attempted);
        return true;
      }
    }
    await this.#write({ event: 'step.started', step: name });
    const data = await this.#guarded(name, () => step.run(this.#ctx), { keeps: step.houseKeeping });
    await this.#guarded(name, async () => step.verify?.(this.#ctx, data), {
      halfDone: { name, step, data },
      keeps: step.houseKeeping,
      looks: true,
    });
    await this.#write({ event: 'step.done', step: name, data });
    this.#remember(name, step, data, true);
    return false;
  }

  /** What cannot be written down ends the run there, and undoes nothing: that could not be written down either. */
  async #write(entry: EntryBody & { step: string }): Promise<void> {
    try {
      await this.#options.journal.append(entry);
    } catch (thrown) {
      const error = toOpsError(thrown);
      const what = entry.event === 'step.started' ? 'was not begun, for' : 'is done, but';
      throw new OpsError({
        code: error.code,
        message: `Step "${entry.step}" ${what} that could not be written down: ${error.message}`,
        hint: error.hint,
        cause: thrown,
      });
    }
  }

  #remember(name: string, step: Step, data: Json, ours: boolean): void {
    this.results.set(step, data);
    if (ours) this.#done.push({ name, step, data });
  }

  /** Runs a part of a step; on failure journals it, undoes what can be undone, and throws what the user must know. */
  async #guarded<T>(name: string, part: () => Promise<T>, failing: Failing = {}): Promise<T> {
    try {
      this.#options.signal.throwIfAborted();
      if (!failing.looks) await this.#options.assertLocked();
      this.#options.signal.throwIfAborted();
      return await orInterrupted(part(), this.#options.signal);
    } catch (thrown) {
      throw await this.#fail(name, thrown, failing);
    }
  }

  async #fail(name: string, thrown: unknown, { halfDone, keeps }: Failing): Promise<OpsError> {
    const { journal, signal, onFailure, assertLocked } = this.#options;
    const found = signal.aborted ? stopped(name, signal) : toOpsError(thrown);
    const error = this.#env === undefined ? found : errorOn(this.#env, found);
    try {
      await journal.append({ event: 'step.failed', step: name, error: describe(error, this.#options.typed) });
    } catch (unwritten) {
      // What is undone and not written down would be taken for done by a resume.
      return inStep(
        name,
        error,
        `Nothing was undone, for it could not be written down: ${toOpsError(unwritten).message}`,
      );
    }
    if (signal.aborted || UNDOES_NOTHING.includes(error.code) || onFailure === 'keep' || keeps)
      return inStep(name, error);
    const steps = halfDone ? [...this.#done, halfDone] : this.#done;
    return inStep(name, error, describeUndo(await undoSteps(steps, this.#ctx, { journal, assertLocked })));
  }
}

const UNDOES_NOTHING = ['LOCK_LOST', PAUSED];

interface Failing {
  /** A step that has run, and whose verification failed: it is undone as well. */
  halfDone?: DoneStep;
  /** It changes nothing, and so needs no lock; one that is known to be lost is heard by the signal. */
  looks?: boolean;
  /** The failure undoes nothing. */
  keeps?: boolean | undefined;
}

function stopped(name: string, signal: AbortSignal): OpsError {
  if (signal.reason instanceof OpsError) return signal.reason;
  return new OpsError({ code: 'INTERRUPTED', message: `Interrupted in step "${name}".`, exit: EXIT.interrupted });
}

/** As the journal keeps an error. */
export function describe(
  { code, message, hint }: OpsError,
  words: (hint: Hint) => string,
): { code: string; message: string; hint?: string } {
  return { code, message, ...(hint ? { hint: words(hint) } : {}) };
}

function inStep(name: string, error: OpsError, aftermath = ''): OpsError {
  const named = error.message.includes(`"${name}"`) ? error.message : `Step "${name}" failed: ${error.message}`;
  return new OpsError({
    code: error.code,
    message: aftermath ? `${named.replace(/([^.!?])$/, '$1.')} ${aftermath}` : named,
    hint: error.hint,
    // A step is past the point of "nothing was started": usage errors inside one are failures.
    exit: error.exit === EXIT.usage || error.exit === EXIT.done ? EXIT.failed : error.exit,
    cause: error,
  });
}
