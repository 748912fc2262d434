import { existsSync } from 'node:fs';
import { currentActor } from '../actor.ts';
import { environmentNamed } from '../config/environments.ts';
import { type LoadedConfig, loadConfig, loadConfigOrNone } from '../config/load.ts';
import type { EnvName } from '../config/schema.ts';
import { loadEnvironment } from '../env/environment.ts';
import type { Environment } from '../env/types.ts';
import { EXIT, type OpsError, toOpsError } from '../errors.ts';
import type { Json } from '../json.ts';
import type { Output } from '../output/output.ts';
import { statePath } from '../state/folder.ts';
import { INSTALLED, TOOLKIT } from '../toolkit.ts';
import { asksToResume, kebab, type ParsedArgs } from './args.ts';
import { runChange } from './change.ts';
import { taskContext } from './context.ts';
import type { FlagSpecs } from './flags.ts';
import { unlessInterrupted } from './interrupt.ts';
import { type Typing, typed } from './typed.ts';
import type { AnyTask, Outcome, TaskContext } from './types.ts';

/** What a task runs in: this process and its terminal, or those of a test. */
export interface Surroundings {
  /** ULID of the run. */
  run: string;
  argv: string[];
  cwd: string;
  shell: NodeJS.ProcessEnv;
  out: Output;
  signal: AbortSignal;
  /** Stops the run, e.g. when a lock is lost. */
  abort(reason: OpsError): void;
  /** A line of `--json` for a task that streams. */
  emit(data: Json): void;
  /** How commands to type next are written; the environment and the config are added as they are known. */
  typing: Typing;
  /** Somebody can be asked. */
  interactive: boolean;
  /** Which environment it became. */
  onEnvironment(env: string): void;
  /** Another task runs instead, and ends the process. */
  handOver(task: AnyTask, argv: string[]): Promise<Outcome>;
}

/** Config → environment → the task. The way of every task, whoever starts it. */
export async function executeTask(
  task: AnyTask,
  { common, own, words }: ParsedArgs,
  around: Surroundings,
): Promise<Outcome> {
  const config = await (task.withoutConfig ? loadConfigOrNone : loadConfig)(common.config, around.cwd);
  const env = environmentNamed(config, common.env);
  if (task.perEnvironment !== false) around.onEnvironment(env);
  Object.assign(around.typing, {
    env: task.perEnvironment === false ? undefined : env,
    config: common.config,
    confirms: (name: string) => !around.interactive && config.environments[name]?.guard === 'confirm',
    sandbox: hasSandbox(config),
  });
  for (const [key, spec] of Object.entries((task.flags ?? {}) as FlagSpecs))
    if (spec.environment && own[key] !== undefined)
      own[key] = environmentNamed(config, own[key] as string, `--${kebab(key)}`);
  const environments = new Map<EnvName, Environment>();
  const environmentOf = (name: EnvName): Environment => {
    const loaded = environments.get(name) ?? loadEnvironment(config, name, around.shell);
    environments.set(name, loaded);
    return loaded;
  };
  const ctx = taskContext({
    task: task.name,
    run: around.run,
    env,
    flags: own as TaskContext['flags'],
    words,
    json: common.json,
    reason: common.reason,
    actor: currentActor(around.shell),
    config,
    environmentOf,
    out: around.out,
    typed: (hint) => typed(hint, around.typing),
    signal: around.signal,
    emit: (data) => {
      if (common.json) around.emit(data);
      return common.json;
    },
  });
  try {
    if (task.perEnvironment !== false) environmentOf(env);
    if (task.kind === 'read') {
      const next = await task.handsOver?.(ctx);
      if (next) return await around.handOver(next.task, next.argv);
      return await (task.endsItself ? task.run(ctx) : unlessInterrupted(task.run(ctx), ctx.signal));
    }
    const look = asksToResume(common) ? undefined : task.look?.(ctx);
    if (look) return await unlessInterrupted(look, ctx.signal);
    return await runChange({ task, ctx, common, argv: around.argv, shell: around.shell, abort: around.abort });
  } catch (thrown) {
    await report(thrown, ctx, task);
    throw thrown;
  }
}

/** Failures go to Sentry when the environment has a DSN; answers, refusals and usage errors do not. */
async function report(thrown: unknown, ctx: TaskContext, task: AnyTask): Promise<void> {
  const error = toOpsError(thrown);
  // The processes that a task runs have told of their own.
  const told = task.kind === 'read' && task.endsItself;
  if (error.exit !== EXIT.failed || task.perEnvironment === false || told) return;
  const dsn = ctx.environment.get('SENTRY_DSN');
  if (!dsn) return;
  const { reportFailure } = await import('../sentry.ts');
  const arrived = await reportFailure(error, { task: task.name, env: ctx.env, run: ctx.run, dsn });
  if (!arrived) ctx.out.warn('Sentry could not be told of this failure.');
}

/** The toolkit's own product, and one that it was brought up for. */
function hasSandbox({ root }: Pick<LoadedConfig, 'root'>): boolean {
  return !INSTALLED && (root === TOOLKIT || existsSync(statePath(root, 'sandbox')));
}
