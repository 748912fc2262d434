import { flag, type TaskContext } from '@drydock/kit';
import type { Content, Filler } from '../rehearsal/fill.ts';

/** Fills a scratch database from a backup. */
export type OnBackup = (where: Pick<TaskContext, 'config' | 'environment'>, id: string) => Promise<Filler>;

/** What a rehearsal has before it: the same for db:dry-run and db:deploy. */
export const contentFlags = {
  data: flag.choice(['schema', 'sample', 'full'], {
    about: 'rows of the copy: none, up to 1000 a table, or all; default: all where nobody is connected or it is small',
  }),
  fromBackup: flag.text({ value: 'ID|latest', about: 'rehearse on this backup instead of a copy of the target' }),
};

export async function contentOf(
  ctx: Pick<TaskContext<typeof contentFlags>, 'config' | 'environment' | 'flags'>,
  onBackup: OnBackup,
): Promise<Content> {
  const { fromBackup, data } = ctx.flags;
  return fromBackup ? onBackup(ctx, fromBackup) : (data ?? 'copy');
}
