import { planRestore, type RestorePlan, type RowsSince, rowsSince } from '@drydock/backups';
import { incompatibleWith, planRollback, type RollbackPlan, readState } from '@drydock/db';
import { OpsError, operatorUrl, type TaskContext } from '@drydock/kit';
import type { Release } from '../record/types.ts';
import { targetOfCommit } from './migrations.ts';

/** The row of docs/RUNBOOK.md, "Going back over migrations", that a rollback takes. Journalled with the run. */
export type Way =
  | { row: 'switch'; why: string }
  /** Proven scripts undo the migrations first; rows that they take with them are counted. */
  | { row: 'down'; why: string; down: RollbackPlan }
  /** The backup from before the migrations takes the place of the database; null where nobody knows how many rows that loses. */
  | { row: 'restore'; why: string; backup: string; restore: RestorePlan; losses: RowsSince[] | null };

interface Between {
  live: Release;
  to: Release;
  /** What was put on top of it since and stands, the newest first. */
  above: Release[];
}

/** What lies between the version that is live and the one that is gone back to decides how. Reads only. */
export async function chooseWay(ctx: TaskContext, between: Between, say: (text: string) => void): Promise<Way> {
  const { live, to } = between;
  say('which migrations lie between');
  const target = targetOfCommit(ctx.config, ctx.environment, live.commit);
  const { applied, squashes } = await readState(target);
  // A squash of what the version was made for is nothing that came since, and what it stands for is not gone.
  const stands = (name: string) => squashes.find((squash) => squash.name === name)?.standsFor;
  const since = applied.filter(
    (name) => !to.migrations.includes(name) && !stands(name)?.some((one) => to.migrations.includes(one)),
  );
  const gone = to.migrations.filter(
    (name) => !applied.includes(name) && !squashes.some(({ standsFor }) => standsFor.includes(name)),
  );
  if (gone.length > 0)
    throw new OpsError({
      code: 'MIGRATIONS_GONE',
      message: `Version ${to.version} was made for ${gone.join(', ')}, which ${gone.length === 1 ? 'is' : 'are'} not applied any more.`,
      hint: 'Release a commit that has them: they are applied again then.',
    });
  if (since.length === 0) return { row: 'switch', why: 'no migration lies between' };
  say(`whether version ${to.version} can live with them`);
  const against = await incompatibleWith(target, { since, commit: to.commit });
  const named = since.join(', ');
  if (against.length === 0)
    return { row: 'switch', why: `${named} only ${since.length === 1 ? 'expands' : 'expand'} what it knows` };
  const because = `it cannot live with ${named}: ${against.slice(0, 2).join(', ')}${against.length > 2 ? ' and more' : ''}`;
  const down = await planDown(target, to, since, say);
  if (!(down instanceof OpsError)) return { row: 'down', why: `${because}; each has a down.sql that was proven`, down };
  return planBackup(ctx, between, since, `${because}; and ${down.message}`, say);
}

async function planDown(
  target: Parameters<typeof planRollback>[0],
  to: Release,
  since: string[],
  say: (text: string) => void,
): Promise<RollbackPlan | OpsError> {
  say('prove the down.sql of each');
  try {
    const last = to.migrations.toSorted().at(-1);
    const wish = last === undefined ? { to: undefined, steps: since.length } : { to: last, steps: undefined };
    const plan = await planRollback(target, wish, say);
    const others = plan.undo.filter(({ name }) => !since.includes(name));
    if (others.length === 0 && plan.undo.length === since.length) return plan;
    return new OpsError({ code: 'NOT_IN_ORDER', message: 'they are not the newest ones in the order of their names' });
  } catch (thrown) {
    if (thrown instanceof OpsError) return thrown;
    throw thrown;
  }
}

async function planBackup(
  ctx: TaskContext,
  { above }: Between,
  since: string[],
  why: string,
  say: (text: string) => void,
): Promise<Way> {
  // The one that applied the first of them took a backup right before.
  const first = above.filter(({ migrations }) => since.some((name) => migrations.includes(name))).at(-1);
  if (!first?.backup)
    throw new OpsError({
      code: 'NO_WAY_BACK',
      message: `There is no way back: ${why}. No release is on record that took a backup before them.`,
      hint: 'Mend forward, and release that; or restore by hand: docs/OPERATIONS_BACKUPS_RUNBOOK.md',
    });
  const url = operatorUrl(ctx.config, ctx.environment);
  say('count what a restore would lose');
  const restore = await planRestore(ctx, url, {
    from: first.backup,
    to: undefined,
    inPlace: true,
    table: undefined,
    keys: false,
    accept: [],
    anonymise: undefined,
    foreign: false,
    trust: undefined,
    noOwner: false,
    skipRefused: false,
    jobs: undefined,
  });
  const losses = await rowsSince(ctx, url, first.backup);
  return { row: 'restore', why, backup: first.backup, restore, losses: losses ?? null };
}
