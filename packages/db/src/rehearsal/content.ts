import { flag, type TaskContext } from '@drydock/kit';
import type { Content, Filler } from './fill.ts';

/** Fills a scratch database from a backup. */
export type OnBackup = (
  ctx: Pick<TaskContext, 'config' | 'environment' | 'out' | 'run' | 'task' | 'actor' | 'reason'>,
  id: string,
  trust: string | undefined,
) => Promise<Filler>;

/** What a rehearsal has before it: the same for db:dry-run and db:deploy. */
export const contentFlags = {
  data: flag.choice(['schema', 'sample', 'full'], {
    about: 'rows of the copy: none, up to 1000 a table, or all; default: all where nobody is connected or it is small',
  }),
  fromBackup: flag.text({ value: 'ID|latest', about: 'rehearse on this backup instead of a copy of the target' }),
  trust: flag.sentence({ value: 'REASON', about: 'open that backup although no pinned signer stands for it' }),
};

export async function contentOf(
  ctx: Parameters<OnBackup>[0] & Pick<TaskContext<typeof contentFlags>, 'flags'>,
  onBackup: OnBackup,
): Promise<Content> {
  const { fromBackup, data, trust } = ctx.flags;
  return fromBackup ? onBackup(ctx, fromBackup, trust) : (data ?? 'copy');
}
