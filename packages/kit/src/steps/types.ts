import type { Json } from '../json.ts';
import type { Output } from '../output/output.ts';

/** What a step is given. Results of earlier steps come from the journal, so they are there after a resume too. */
export interface StepContext {
  readonly run: string;
  readonly out: Output;
  readonly signal: AbortSignal;
  readonly results: StepResults;
  /** Shows what the step is at, beside its name: a rate, a file. Cheap: call it as often as you like. */
  detail(text: string): void;
  /**
   * Gives up the sessions that hold the operations locks while `work` runs, for it takes the database itself away, and
   * takes the locks again in what then has its name. A lock file stands in for them meanwhile.
   */
  withoutLockSession<T>(work: () => Promise<T>): Promise<T>;
  /** Appends a named event to the audit log; with `once`, a word of its own in the run, a single time whatever is killed and resumed. */
  audit(event: string, metadata: { [key: string]: Json }, once?: string): Promise<void>;
}

/**
 * A step or a group, as the handle to what it returned (for a group: its plan). Whoever needs a result is given the handle by who
 * put the step into the run; names are for people and for the journal.
 */
export type Handle<D extends Json> = Step<D> | StepGroup<D>;

/** What steps returned. */
export interface StepResults {
  /** Throws when the step is not part of the run, or has not come to its turn: an error of the programmer, told at once. */
  of<D extends Json>(step: Handle<D>): D;
  /** Of a step that may not have come to its turn yet. */
  ifDone<D extends Json>(step: Handle<D>): D | undefined;
}

/**
 * One journalled step. `kill -9` may strike before, in or after any of its functions; run again, the runner asks
 * `check` first, and runs it only when the world does not already say so. `run` must therefore be safe to repeat.
 */
export interface Step<D extends Json = Json> {
  /** Unique in the run; a group's name is put before it: `staging › migrate`. */
  name: string;
  /** Is it already so? Returns the step's data if yes, `undefined` if not. Only asked when a run is resumed or `alwaysCheck`. */
  check?(ctx: StepContext): Promise<D | undefined>;
  run(ctx: StepContext): Promise<D>;
  /** Looks at the world, not at the return value; throws when the step did not take. */
  verify?(ctx: StepContext, data: D): Promise<void>;
  undo?(ctx: StepContext, data: D): Promise<void>;
  /** Tidies up after what is done and verified: its failure ends the run, and undoes nothing. */
  houseKeeping?: boolean;
  /** Ask `check` on a first run too, and journal `step.skipped` when it is already so. */
  alwaysCheck?: boolean;
}

/** Steps that can only be listed once the run has come this far. Its plan is journalled like a task's. */
export interface StepGroup<P extends Json = Json> {
  name: string;
  plan(ctx: StepContext): Promise<P>;
  /**
   * What the plan would be as things are before the run, for those who ask what will run; where that depends on what the run finds,
   * what may come, in words.
   */
  ahead: string | (() => Promise<P>);
  steps(plan: P): StepNode[];
  /** The environment that its steps work on, where it is not the run's: what they say to type next is about that one. */
  env?: string;
  /** Once all of it is done it stays: a failure later in the run does not undo it. */
  keepWhenDone?: boolean;
}

// biome-ignore lint/suspicious/noExplicitAny: a list holds steps of different data; each is typed where it is defined.
export type StepNode = Step<any> | StepGroup<any>;

/** Identity with inference of the step's data type. */
export function defineStep<D extends Json>(step: Step<D>): Step<D> {
  return step;
}
export function defineGroup<P extends Json>(group: StepGroup<P>): StepGroup<P> {
  return group;
}

/** Steps that are known from the start, under one name. */
export function namedSteps(
  name: string,
  steps: StepNode[],
  options: Pick<StepGroup, 'env' | 'keepWhenDone'> = {},
): StepGroup<Json> {
  const plan = async () => ({});
  return { name, plan, ahead: plan, steps: () => steps, ...options };
}
