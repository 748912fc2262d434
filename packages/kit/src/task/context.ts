import type { TaskContext } from './types.ts';

/** Variables are read when they are first asked for: a task that is about no environment has none to read. */
export function taskContext(parts: Omit<TaskContext, 'environment'>): TaskContext {
  return {
    ...parts,
    get environment() {
      return parts.environmentOf(parts.env);
    },
  };
}

/** What the steps of a run are given: flags, words and reason are those that it was begun with, whoever goes on with it. */
export function begunContext(
  { task, env, actor, config, environmentOf, out, json, typed, signal, emit }: TaskContext,
  begun: Pick<TaskContext, 'run' | 'flags' | 'words' | 'reason'>,
): TaskContext {
  return taskContext({ task, env, actor, config, environmentOf, out, json, typed, signal, emit, ...begun });
}
