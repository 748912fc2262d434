import { databaseSection } from '../config/database.ts';
import type { EnvName } from '../config/schema.ts';
import { operatorUrl } from '../env/operator-url.ts';
import type { Environment } from '../env/types.ts';
import { toOpsError } from '../errors.ts';
import { type RunHead, readHeads, readLines } from '../journal/database.ts';
import { isRunId } from '../journal/file-journal.ts';
import { type Others, othersOf } from '../journal/own.ts';
import { openRuns, readRunIfAny, stateIn } from '../journal/read.ts';
import type { RunState } from '../journal/state.ts';
import { readHolder } from '../lock/environment.ts';
import { describeHolder } from '../lock/refusal.ts';
import { withPostgres } from '../postgres.ts';
import { isOwn } from '../state/owner.ts';
import type { TaskContext } from '../task/types.ts';

type Asking = Pick<TaskContext, 'config' | 'environmentOf'>;

export interface OpenRun {
  state: RunState;
  /** It was begun, or gone on with, in this checkout. */
  here: boolean;
  /** Who is at work on it now. */
  atWork: string | undefined;
}

/** What an environment's database says of runs. */
interface Seen {
  env: EnvName;
  heads: RunHead[];
  states: RunState[];
  holder: { run: string; said: string } | undefined;
}

export interface Everywhere {
  /** Oldest first. */
  open: OpenRun[];
  /** Environments whose databases could not be asked, and why. */
  unseen: { env: EnvName; why: string }[];
  /** What other configs in the folder have left open: theirs to go on with. */
  others: Others[];
}

/** Runs of this config that did not end: those of this checkout, and those that the databases of the environments tell of. */
export async function openEverywhere(ctx: Asking): Promise<Everywhere> {
  const { root } = ctx.config;
  const ours = openRuns(root);
  const named = ours.map(({ run }) => run);
  const { seen, unseen } = await askAll(ctx, named);
  const heads = new Map(seen.flatMap((one) => one.heads.map((head) => [head.run, head] as const)));
  const theirs = new Map(seen.flatMap(({ states }) => states.map((state) => [state.run, state] as const)));
  const workers = new Map(seen.flatMap(({ holder }) => (holder ? [[holder.run, holder.said] as const] : [])));
  // What has ended elsewhere is open here until the next run of its environment is told.
  const here = ours.filter(({ run }) => (heads.get(run)?.status ?? 'open') === 'open');
  const known = new Set(here.map(({ run }) => run));
  // What has ended here, with its database away, is open there until then.
  const others = [...theirs.values()].filter(({ run }) => !known.has(run) && !readRunIfAny(root, run));
  const all = [
    ...here.map((state) => ({ state: longer(state, theirs.get(state.run)), here: true })),
    ...others.map((state) => ({ state, here: false })),
  ];
  const { config } = ctx;
  return {
    open: all
      .filter(({ state }) => isOwn(config, state.process))
      .toSorted((a, b) => (a.state.run < b.state.run ? -1 : 1))
      .map((one) => ({ ...one, atWork: workers.get(one.state.run) })),
    unseen,
    others: othersOf(
      config,
      all.map(({ state }) => state),
    ),
  };
}

function longer(ours: RunState, theirs: RunState | undefined): RunState {
  return theirs && theirs.length > ours.length ? theirs : ours;
}

/** The environment whose database knows of a run, and what it knows. */
export async function findElsewhere(
  ctx: Asking,
  run: string,
): Promise<{ found: { env: EnvName; head: RunHead; state: RunState | undefined } | undefined; unseen: EnvName[] }> {
  const { seen, unseen } = await askAll(ctx, [run]);
  for (const { env, heads, states } of seen) {
    const head = heads.find((one) => one.run === run);
    if (head) return { found: { env, head, state: states.find((one) => one.run === run) }, unseen: [] };
  }
  return { found: undefined, unseen: unseen.map(({ env }) => env) };
}

async function askAll(ctx: Asking, named: string[]): Promise<{ seen: Seen[]; unseen: Everywhere['unseen'] }> {
  const names = Object.keys(ctx.config.environments);
  const asked = await Promise.all(
    names.map(async (env) => {
      try {
        return await ask(ctx, env, named);
      } catch (thrown) {
        return { env, why: toOpsError(thrown).message };
      }
    }),
  );
  const told = asked.filter((one) => one !== undefined);
  return {
    seen: told.filter((one) => 'heads' in one),
    unseen: told.filter((one) => 'why' in one),
  };
}

/** Undefined where this checkout has no address of its database. */
async function ask(ctx: Asking, env: EnvName, named: string[]): Promise<Seen | undefined> {
  const environment: Environment = ctx.environmentOf(env);
  const { url, appUrl } = databaseSection.of(ctx.config);
  if (!environment.has(url) && !environment.has(appUrl)) return undefined;
  return withPostgres(operatorUrl(ctx.config, environment), 'drydock ops:resume', async (client) => {
    const heads = (await readHeads(client, env, named)).filter(({ run }) => isRunId(run));
    const states: RunState[] = [];
    for (const { run } of heads) {
      const lines = await readLines(client, run);
      const state = stateIn([...lines.values(), ''].join('\n'), run);
      if (state) states.push(state);
    }
    const holder = heads.length > 0 ? await readHolder(client) : undefined;
    return { env, heads, states, holder: holder && { run: holder.run, said: describeHolder(holder) } };
  });
}
