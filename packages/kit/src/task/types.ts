import type { LoadedConfig } from '../config/load.ts';
import type { EnvName } from '../config/schema.ts';
import type { Environment } from '../env/environment.ts';
import type { Finding } from '../finding.ts';
import type { Hint } from '../hint.ts';
import type { Json } from '../json.ts';
import type { Output } from '../output/output.ts';
import type { StepNode, StepResults } from '../steps/types.ts';
import type { FlagSpecs, FlagValues } from './flags.ts';

/** What a task found out or did. Printed for a person, or as the one object of `--json`. */
export interface Outcome {
  /** The closing line. */
  verdict: string;
  /** `false` is the answer "no": exit 3. Left out, it is true unless a finding is an error. */
  ok?: boolean;
  data?: Json;
  findings?: Finding[];
  /** What a person is told in their place, where they are many of a kind. */
  told?: Finding[];
  /** How the closing line is marked where it is neither good nor a no: there is nothing, or something wants to be done. */
  mark?: 'plain' | 'warning';
  /** The next command to type, if there is an obvious one. */
  next?: Hint;
  /** A report in another format, alone on stdout; see `writesDocument`. */
  document?: string;
  /** Where the answer is yes, a person is told nothing: nobody waits for it. */
  quiet?: boolean;
}

/** What every task is given. */
export interface TaskContext<F extends FlagSpecs = FlagSpecs> {
  readonly task: string;
  /** ULID of this run. */
  readonly run: string;
  readonly env: EnvName;
  readonly flags: FlagValues<F>;
  /** What stands on the command line beside the flags, where the task takes `words`. */
  readonly words: readonly string[];
  /** `--reason`, kept in the audit event. */
  readonly reason: string | undefined;
  /** Who runs it, as the audit log names them. */
  readonly actor: string;
  readonly config: LoadedConfig;
  /** The variables of `--env`, with their sources. */
  readonly environment: Environment;
  /** The variables of another environment (a release works on two). */
  environmentOf(env: EnvName): Environment;
  readonly out: Output;
  /** stdout is for one object alone: what else is said, by processes of the task too, goes to stderr. */
  readonly json: boolean;
  /** Aborted by the first Ctrl-C, or when the environment lock is lost. Pass it to whatever can wait long. */
  readonly signal: AbortSignal;
  /** A hint as the operator would type it: by the door they came through, on this environment, with their config. */
  typed(hint: Hint): string;
  /** With `--json`, for a task that `streams`: a line of its own on stdout, and true. Otherwise nothing, and false. */
  emit(data: Json): boolean;
}

interface TaskBase<F extends FlagSpecs> {
  /** `db:deploy`, as typed after `npm run`. */
  name: string;
  /** One line for `--help` and for the list of tasks. */
  summary: string;
  /** A few lines for `--help`: what it does, what it never does. */
  description?: string;
  /** Ready to paste: `npm run db:deploy -- --env staging`. */
  examples?: string[];
  flags?: F;
  /** What it takes on the command line beside its flags; by default nothing. */
  words?: { value: string; about: string };
  /** `false` for tasks that are not about one environment (sandbox:up): they do not know `--env`. */
  perEnvironment?: boolean;
  /** It works before there is a config: then one that says nothing stands in for it, in the folder where it would be (`config.file` is not there). */
  withoutConfig?: boolean;
  /** With these flags stdout is for the outcome's `document`, and people are spoken to on stderr. */
  writesDocument?(flags: FlagValues<F>): boolean;
}

/** A task that only looks. */
export interface ReadTask<F extends FlagSpecs = FlagSpecs> extends TaskBase<F> {
  kind: 'read';
  /** It runs processes that have to end first: a signal is heard by its own `ctx.signal`, and it ends in its own time. */
  endsItself?: boolean;
  /** With `--json` stdout has one object a line, as they come (`emit`), and another only if it fails: `{ ok: false, …, error }`. */
  streams?: boolean;
  /** Runs until it is stopped: Ctrl-C is its ordinary end, exit 0. */
  untilStopped?: boolean;
  run(ctx: TaskContext<F>): Promise<Outcome>;
  /** Another task that runs in this one's place, in this process; undefined where this one runs itself. */
  handsOver?(ctx: TaskContext<F>): Promise<{ task: AnyTask; argv: string[] } | undefined>;
}

/**
 * A task that changes something. `plan` reads the world and returns data; `--plan` prints `describe(plan)` and the names of the
 * steps, and stops; the journal keeps the plan, so that a resumed run works on the plan it began with.
 */
export interface ChangeTask<F extends FlagSpecs = FlagSpecs, P extends Json = Json, S extends Steps = Steps>
  extends TaskBase<F> {
  kind: 'change';
  /** `environment`: the operations lock in that database. `checkout`: a lock file under .drydock/. */
  lock: 'environment' | 'checkout';
  /** The run brings back a database that is away or gone: a lock file stands in for the lock that cannot be had. */
  mendsDatabase?: boolean;
  /** The run leaves the database as it is (a backup): it does without writing there where that takes no writes, as on a standby. */
  onlyReads?: boolean;
  /** With these flags the run leaves the environment's own database as it is, and goes on where that takes no writes. */
  needsNoWrites?(ctx: TaskContext<F>): boolean;
  /** The run says anew which environment a database is: what the database says of itself is no reason to refuse. */
  claims?: boolean;
  /** Asks "Go on?" even where the environment is not guarded: the run throws something away. */
  destructive?: boolean;
  /** A killed run needs no resume: the next one repairs whatever it finds. */
  restartable?: boolean;
  /** A run that failed can be gone on with as one that was killed: its steps look first. `--resume` alone finds the newest, if it failed. */
  resumesFailed?: boolean;
  /** Later runs go by what its journals hold: ops:prune leaves them. */
  remembered?: boolean;
  /** Holds something until it is stopped: Ctrl-C is its ordinary end, exit 0. Its steps look at the signal themselves. */
  untilStopped?: boolean;
  /** With flags that ask for a look alone, looks: no question, no lock, no journal. Undefined goes on with the change. */
  look?(ctx: TaskContext<F>): Promise<Outcome> | undefined;
  /** Flags that are missing or do not go together: refused (exit 2) before anything is asked, the lock included. */
  refuseFlags?(ctx: TaskContext<F>): void;
  /**
   * Asks a person what no flag has said, once, before anything is planned: what they answer takes the place of those flags. With `--yes`
   * and `--plan` nobody is asked; where nobody can be, such a task is refused (exit 2).
   */
  questions?(ctx: TaskContext<F>): Promise<Partial<FlagValues<F>>>;
  /** The environments this run locks and audits; default: the one of `--env`. */
  environments?(ctx: TaskContext<F>): EnvName[];
  /**
   * The lock of an environment could not be had, for another reason than that somebody holds it: throws all that is missing besides, so
   * that it is told at once. Where it throws nothing, the reason stands as it is.
   */
  withoutLock?(ctx: TaskContext<F>): Promise<void>;
  /** Asked for after flags are parsed and before the guard: refuse here what can never work (exit 2, 3 or 4). */
  plan(ctx: TaskContext<F>): Promise<P>;
  /** Lines for a person: what it is about, and what the names of the steps do not tell. Empty where there is nothing to do. */
  describe(plan: P): string[];
  /** In order; beside `nodes`, the steps whose results the outcome asks for. */
  steps(ctx: TaskContext<F>, plan: P): S;
  outcome(ctx: TaskContext<F>, plan: P, results: StepResults, steps: S): Outcome | Promise<Outcome>;
  /**
   * After a run that did not come to its end: what stands now, asked of the world, and the command with which to begin again. Looks
   * only, and not for long; the signal has been given by then, perhaps.
   */
  lastWords?(ctx: TaskContext<F>, plan: P): Promise<{ says: string; next: Hint }>;
  /** What to do with the steps already done when one fails. Default `undo`. */
  onFailure?: 'undo' | 'keep';
}

/** What a task does, as a list, or as a list with the handles to some of it. */
export type Steps = StepNode[] | { nodes: StepNode[] };

export type Task<F extends FlagSpecs = FlagSpecs, P extends Json = Json, S extends Steps = Steps> =
  | ReadTask<F>
  | ChangeTask<F, P, S>;
// biome-ignore lint/suspicious/noExplicitAny: main, help and the parser treat tasks of every flag and plan type alike.
export type AnyTask = Task<any, any, any>;
// biome-ignore lint/suspicious/noExplicitAny: as above.
export type AnyChangeTask = ChangeTask<any, any, any>;

/** Identity with inference: the flags' types reach `run`, the plan's type reaches `steps`, and the steps reach `outcome`. */
export function defineReadTask<const F extends FlagSpecs>(task: Omit<ReadTask<F>, 'kind'>): ReadTask<F> {
  return { kind: 'read', ...task };
}
export function defineChangeTask<const F extends FlagSpecs, P extends Json, S extends Steps>(
  task: Omit<ChangeTask<F, P, S>, 'kind'>,
): ChangeTask<F, P, S> {
  return { kind: 'change', ...task };
}
