import type { LoadedConfig } from '../config/load.ts';
import { OpsError } from '../errors.ts';
import { hint } from '../hint.ts';
import { copyInto } from '../journal/copy.ts';
import { openFileJournal } from '../journal/file-journal.ts';
import { joinRuns } from '../journal/join.ts';
import { readJournal } from '../journal/read.ts';
import type { Journal } from '../journal/types.ts';
import { shownLine } from '../output/shown.ts';
import { note } from '../state/notices.ts';
import type { HeldLocks } from './locks.ts';
import type { AnyChangeTask, TaskContext } from './types.ts';

/**
 * Can another checkout go on with it? Not with what leaves the environment as it is, or is simply begun again: nobody has to know
 * that a container with last night's backup was killed.
 */
function isForAll(task: AnyChangeTask): boolean {
  return task.lock === 'environment' && !task.onlyReads && !task.restartable;
}

/** A run's journal: in this checkout, and in the database of its environment while that can be reached. */
export function openJournal(task: AnyChangeTask, { config, env }: TaskContext, locks: HeldLocks, run: string): Journal {
  const session = () => (isForAll(task) ? locks.sessionOf(env) : undefined);
  const copy = copyInto(session, () => readJournal(config.root, run)?.entries ?? []);
  return openFileJournal(config.root, { run, task: task.name, env }, copy);
}

/** What others left open becomes known here, under the lock. Returns the runs that nobody can be at work on, then. */
export async function learnOfOthers(
  task: AnyChangeTask,
  { config, env }: { config: LoadedConfig; env: TaskContext['env'] },
  locks: HeldLocks,
  named: string | undefined,
): Promise<ReadonlySet<string>> {
  const session = isForAll(task) ? locks.sessionOf(env) : undefined;
  if (!session) return new Set();
  try {
    return await joinRuns(session, config.root, env, named);
  } catch (cause) {
    if (cause instanceof OpsError) throw cause;
    const why = shownLine((cause as Error).message);
    if ((cause as { code?: string }).code !== NO_RIGHT)
      throw new OpsError({
        code: 'RUNS_UNKNOWN',
        message: `Which runs of ${env} are open could not be read in its database: ${why}. Nothing was begun.`,
        cause,
      });
    note(
      hint`Which runs others have left open on ${env} cannot be seen (${why}). GRANT SELECT, INSERT, UPDATE ON drydock.run, drydock.run_entry TO your role.`,
    );
    return new Set();
  }
}

/** SQLSTATE insufficient_privilege. */
const NO_RIGHT = '42501';
