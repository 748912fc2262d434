import { OpsError, toOpsError } from '../errors.ts';
import { type Hint, hint } from '../hint.ts';
import type { Json } from '../json.ts';
import type { AnyChangeTask, TaskContext } from './types.ts';

/** For a look at the world that somebody waits for who has been told already that it went wrong. */
const WITHIN_MS = 8_000;

export interface LastWords {
  says: string;
  next?: Hint;
}

/** What stands now, as the task finds it. That it cannot be told is said; it never takes the place of why the run ended. */
export async function lastWords(
  task: AnyChangeTask,
  { ctx, plan }: { ctx: TaskContext; plan: Json },
): Promise<LastWords | undefined> {
  if (!task.lastWords) return undefined;
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${WITHIN_MS / 1_000} s`)), WITHIN_MS);
  });
  try {
    return await Promise.race([task.lastWords(ctx, plan), late]);
  } catch (thrown) {
    return { says: `What stands now could not be asked: ${toOpsError(thrown).message}` };
  } finally {
    clearTimeout(timer);
  }
}

/** Behind the reason: the hint says first what is wrong, then how to begin again. */
export function withWords(error: OpsError, words: LastWords | undefined, next?: Hint): OpsError {
  if (!words) return error;
  const { code, exit, hint: first } = error;
  return new OpsError({
    code,
    message: `${error.message.replace(/([^.!?])$/, '$1.')} ${words.says}`,
    hint: first && next ? hint`${first}   Then: ${next}` : (first ?? next),
    exit,
    cause: error,
  });
}
