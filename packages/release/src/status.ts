import {
  command,
  type Environment,
  type Finding,
  formatDuration,
  hint,
  type LoadedConfig,
  type OpenRun,
  OpsError,
  openEverywhere,
  type TaskContext,
} from '@drydock/kit';
import type { Artifact, ArtifactStore } from './artifact/types.ts';
import { type Driver, UNKNOWN_VERSION } from './driver/types.ts';
import { withRecord } from './record/record.ts';
import { minute } from './record/shown.ts';
import type { Release } from './record/types.ts';
import type { Serving } from './serving.ts';

export interface Recorded {
  live: Release | undefined;
  before: Release | undefined;
  /** The record could not be read, and why. */
  unseen: string | undefined;
}

/** What the environment's database tells; that it is away is an answer as well: what serves can be asked without it. */
export async function readRecord(config: LoadedConfig, environment: Environment): Promise<Recorded> {
  try {
    return await withRecord(config, environment, async (record) => ({
      live: await record.live(),
      before: await record.before(),
      unseen: undefined,
    }));
  } catch (error) {
    if (!(error instanceof OpsError) || !error.code.startsWith('DATABASE_')) throw error;
    return { live: undefined, before: undefined, unseen: error.message };
  }
}

/** Runs that have not come to their end, of the tasks that release: also one to a later environment, which goes through this one. */
export async function openReleases(ctx: TaskContext): Promise<OpenRun[]> {
  const { open } = await openEverywhere(ctx);
  const goesHere = ({ start, env }: OpenRun['state']) => (start.environments ?? [env]).includes(ctx.env);
  return open.filter(({ state }) => /^release(:|$)/.test(state.task) && goesHere(state));
}

/** Undefined also where the proxy knows no maintenance. */
export async function maintenanceOf(driver: Driver): ReturnType<Driver['maintenance']> {
  try {
    return await driver.maintenance();
  } catch (error) {
    if (error instanceof OpsError && error.code === 'PROXY_NOT_SET_UP') return undefined;
    throw error;
  }
}

/** Newest first; that a store is away hides nothing of what serves. */
export async function artifactsIn(store: ArtifactStore): Promise<{ artifacts: Artifact[]; away: string | undefined }> {
  try {
    return { artifacts: await store.list(), away: undefined };
  } catch (error) {
    if (!(error instanceof OpsError)) throw error;
    return { artifacts: [], away: error.message };
  }
}

/** Lines for a person: who, since when, which commit, what it goes back to. */
export function describeRecord({ live, before }: Recorded, idle: Serving['idle'], idleRuns: boolean): string[] {
  const lines: string[] = [];
  if (live) {
    lines.push(`live     ${named(live)}, since ${minute(live.liveSince)} (${ago(live.liveSince)}), ${by(live)}`);
    if (live.bakeUntil && Date.parse(live.bakeUntil) > Date.now())
      lines.push(`bakes    until ${minute(live.bakeUntil)}: the version before is kept warm`);
  }
  if (before) {
    const warm = idleRuns && idle?.version === before.version;
    lines.push(`before   ${named(before)}: going back is ${warm ? 'a switch, it runs' : 'a cold start'}`);
  }
  return lines;
}

function named({ version, commit, subject, tag, kind }: Release): string {
  const what = kind === 'release' ? '' : `, a ${kind}`;
  return `${version}${tag ? ` ${tag}` : ''} (${commit.slice(0, 10)} ${subject})${what}`;
}

function by({ actor, host, run, reason }: Release): string {
  return `by ${actor} on ${host}, run ${run}${reason ? `, because: ${reason}` : ''}`;
}

function ago(iso: string): string {
  return formatDuration(Math.max(0, Date.now() - Date.parse(iso)));
}

interface Found {
  serving: Serving;
  recorded: Recorded;
  open: OpenRun[];
  artifacts: Artifact[];
  /** Why the store of artefacts could not be asked. */
  away: string | undefined;
  maintenance: Awaited<ReturnType<Driver['maintenance']>>;
}

/** What does not fit together, and what waits. */
export function statusFindings({ serving, recorded, open, artifacts, away, maintenance }: Found): Finding[] {
  const { live, before, unseen } = recorded;
  const { env } = serving;
  const findings: Finding[] = open.map((run) => openFinding(run, env));
  if (maintenance)
    findings.push({
      level: 'warn',
      code: 'MAINTENANCE_ON',
      message: `People get the page of maintenance since ${maintenance.since}: ${maintenance.reason}`,
      hint: command('maintenance:off', { env }),
    });
  if (away)
    findings.push({
      level: 'warn',
      code: 'STORE_UNSEEN',
      message: `Which artefacts are at hand is not known: ${away}`,
    });
  if (unseen)
    findings.push({
      level: 'warn',
      code: 'RECORD_UNSEEN',
      message: `Since when, by whom and over what it is live is not known: ${unseen}`,
    });
  const answers = versionOf(serving);
  if (live && answers && answers !== live.version)
    findings.push({
      level: 'warn',
      code: 'RECORD_DIFFERS',
      message: `The proxy sends the traffic of ${env} to version ${answers}, and the record has ${live.version} as live: a run was killed between the two, or somebody switched by hand.`,
      hint:
        before?.version === answers
          ? hint`Version ${live.version} went back? Write that down: ${command('release:settle', { env })}`
          : hint`Go on with the run, or release what should serve: ${command('ops:resume')}`,
    });
  if (live && !serving.live)
    findings.push({
      level: 'warn',
      code: 'RECORD_DIFFERS',
      message: `The record has version ${live.version} as live, and the proxy sends the traffic of ${env} to none.`,
      hint: command('ops:resume'),
    });
  if (before && !away && !artifacts.some(({ version }) => version === before.version))
    findings.push({
      level: 'warn',
      code: 'BEFORE_MISSING',
      message: `The artefact of version ${before.version}, which a rollback goes to, is in no store.`,
      hint: `Build it again from its commit: git checkout ${before.commit.slice(0, 10)}`,
    });
  return findings;
}

function openFinding({ state: { run, task, steps, lastError }, atWork }: OpenRun, env: string): Finding {
  const last = [...steps.values()].at(-1);
  const at = last ? `at "${last.name}" (${last.state})` : 'before its first step';
  if (atWork)
    return { level: 'info', code: 'RELEASE_AT_WORK', message: `Run ${run} of ${task} is at work, ${at}: ${atWork}.` };
  if (lastError === 'PAUSED')
    return {
      level: 'warn',
      code: 'RELEASE_WAITS',
      message: `Run ${run} of ${task} waits for a decision ${at}.`,
      hint: hint`${command('release:continue', { env })}   Or: ${command('release:abort', { env })}`,
    };
  return {
    level: 'warn',
    code: 'RELEASE_UNFINISHED',
    message: `Run ${run} of ${task} did not end: it stands ${at}.`,
    hint: command('ops:resume', { run }),
  };
}

/** As the driver knows it, else as it calls itself. */
export function versionOf({ live, said }: Serving): string | undefined {
  return live?.version === UNKNOWN_VERSION ? said : live?.version;
}
