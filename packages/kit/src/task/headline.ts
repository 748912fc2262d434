import type { EnvName } from '../config/schema.ts';
import { DatabaseUrl } from '../database-url.ts';
import { operatorUrl } from '../env/operator-url.ts';
import { OpsError } from '../errors.ts';
import type { TaskContext } from './types.ts';

/** The first line of every change: `db:deploy on staging (database db.internal:5432/marketplace)`. */
export function headline(task: string, environments: EnvName[], ctx: TaskContext): string {
  if (environments.length === 0) return task;
  return `${task} on ${environments.map((env) => `${env}${databaseOf(env, ctx)}`).join(' and ')}`;
}

/** Nothing where the environment names none: whoever needs it says so. */
function databaseOf(env: EnvName, { config, environmentOf }: TaskContext): string {
  try {
    const { host, database } = new DatabaseUrl(operatorUrl(config, environmentOf(env)));
    return ` (database ${host}/${database})`;
  } catch (error) {
    if (error instanceof OpsError) return '';
    throw error;
  }
}
