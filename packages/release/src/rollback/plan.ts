import { command, hint, OpsError, type TaskContext, usageError } from '@drydock/kit';
import { artifactStore } from '../artifact/store.ts';
import type { Artifact } from '../artifact/types.ts';
import { driverOf } from '../driver/driver.ts';
import type { Deployment } from '../driver/types.ts';
import { withRecord } from '../record/record.ts';
import { isOf } from '../record/shown.ts';
import type { Release } from '../record/types.ts';
import { wentBackUnwritten } from '../record/unwritten.ts';
import { chooseWay, type Way } from './way.ts';

export type RollbackPlan = {
  live: Release;
  to: Release;
  /** It still runs: going back is a switch. Null where it has to be started. */
  warm: Deployment | null;
  /** Where it does not: what it is started from. */
  artifact: Artifact | null;
  way: Way;
};

/** What is live, what is gone back to, and how. Reads only. */
export async function planRollback(
  ctx: TaskContext,
  name: string | undefined,
  say: (text: string) => void,
): Promise<RollbackPlan> {
  const { config, environment, env } = ctx;
  say('what was live');
  const [found, record] = await Promise.all([
    driverOf(config, environment).inspect(),
    withRecord(config, environment, async (kept) => ({
      live: await kept.live(),
      before: await kept.before(),
      history: await kept.history(Number.MAX_SAFE_INTEGER),
      standing: await kept.standing(),
      unwritten: await wentBackUnwritten(kept, (await driverOf(config, environment).inspect()).live?.version),
    })),
  ]);
  const { live, history, standing } = record;
  if (!live)
    throw usageError(
      'NOTHING_LIVE',
      `No release of ${env} is on record: there is nothing to go back from.`,
      command('release:status', { env }),
    );
  if (record.unwritten)
    throw usageError(
      'RECORD_BEHIND',
      `Version ${live.version} went back on ${env}, and the record still has it as live: what stood before cannot be told.`,
      hint`Write it down: ${command('release:settle', { env })}`,
    );
  const to =
    name === undefined
      ? record.before
      : history.find((release) => release.outcome !== 'went back' && isOf(release, name));
  if (!to)
    throw usageError(
      name === undefined ? 'NOTHING_BEFORE' : 'RELEASE_UNKNOWN',
      name === undefined
        ? `Nothing stood on ${env} before version ${live.version}.`
        : `${name} never passed on ${env}.`,
      hint`What was live: ${command('release:history', { env })}`,
    );
  if (to.digest === live.digest && found.live?.version === to.version)
    throw usageError(
      'LIVE_ALREADY',
      `Version ${to.version} is live on ${env}.`,
      hint`What was live before: ${command('release:history', { env })}`,
    );
  const { idle } = found;
  const warm = idle?.version === to.version && (await driverOf(config, environment).isRunning(idle)) ? idle : null;
  const artifact = warm ? null : await artifactOf(ctx, to);
  return {
    live,
    to,
    warm,
    artifact,
    way: await chooseWay(ctx, { live, to, above: above(to, standing, history) }, say),
  };
}

/** By what stands; of a version that was taken off long ago, whatever was live since. */
function above(to: Release, standing: Release[], history: Release[]): Release[] {
  const at = standing.findIndex(({ digest }) => digest === to.digest);
  return at >= 0 ? standing.slice(0, at) : history.slice(0, history.indexOf(to));
}

async function artifactOf({ config, environment, env }: TaskContext, to: Release): Promise<Artifact> {
  const store = artifactStore(config, environment);
  const found = await store.find(to.digest);
  if (found) return found;
  throw new OpsError({
    code: 'ARTIFACT_MISSING',
    message: `The artefact of version ${to.version} is not in ${store.label} any more, and it does not run.`,
    hint: hint`Build it again from its commit: git checkout ${to.commit.slice(0, 10)} && ${command('release:build', { env })}   Or go to another: ${command('release:history', { env })}`,
  });
}
