import { sweepUnfinished, type TaskContext } from '@drydock/kit';
import type { Place } from '../store/place.ts';
import { teamOf } from '../team/team.ts';
import { sweepEdits } from './sweep.ts';

/** Where a task works; what a killed edit has left in the clear is taken away first, and told. */
export async function tidyPlace(ctx: TaskContext): Promise<Place> {
  const { config, signal, out } = ctx;
  const at = (env: string): Place => {
    const environment = ctx.environmentOf(env);
    return { config, environment, signal, team: teamOf(config, environment) };
  };
  for (const dir of config.envDirs)
    for (const file of [`.env.${ctx.env}`, `.env.${ctx.env}.local`]) sweepUnfinished(config.path(dir), file);
  for (const name of await sweepEdits(config, at))
    out.warn(
      `An edit of ${name} was killed; what you had written is kept, encrypted, and the next secrets:edit begins with it.`,
    );
  return at(ctx.env);
}
