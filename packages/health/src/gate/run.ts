import { command, type Finding, OpsError, toOpsError } from '@drydock/kit';
import { type HealthResult, problemOf } from '../check/endpoint.ts';
import type { HealthConfig } from '../config/health.ts';
import { Follower } from '../metrics/follow.ts';
import type { Names } from '../metrics/names.ts';
import type { Scrape } from '../metrics/scrape.ts';
import type { Window } from '../metrics/window.ts';
import { applicableObjectives, checkMetrics } from '../objectives/applicable.ts';
import { skewFinding } from '../source/skew.ts';
import { AWAY_CODES, type Source } from '../source/types.ts';
import { judgeGate } from './judge.ts';
import type { GateEvidence, GateVerdict } from './types.ts';

export interface GateRun {
  config: HealthConfig;
  source: Source;
  names: Names;
  forSeconds: number;
  /** Undefined where health is not asked. */
  askHealth: (() => Promise<HealthResult>) | undefined;
  /** What is known of the version before the one that answers. */
  baselineOf(version: string | undefined): GateEvidence['baseline'];
  onWindow(window: Window, version: string | undefined): void;
  onMeasurement(verdict: GateVerdict, seconds: number): void;
  sleep(ms: number): Promise<void>;
  /** Milliseconds of a clock that nobody sets. */
  elapsed(): number;
}

export interface GateResult extends GateVerdict {
  version: string | undefined;
  baseline: string | undefined;
  windows: Window[];
  seconds: number;
}

/** Looks every interval until the time is up, or nothing can change the verdict any more. */
export async function runGate(run: GateRun): Promise<GateResult> {
  const { config, source, forSeconds } = run;
  const { intervalSeconds } = config.gate;
  const began = run.elapsed();
  const state = newState(run.names);
  const ticks = Math.max(1, Math.ceil(forSeconds / intervalSeconds));
  let verdict = judge(run, state);
  for (let tick = 0; tick <= ticks; tick++) {
    // Against the beginning, so that slow answers do not add up.
    if (tick > 0) await run.sleep(Math.max(0, began + tick * intervalSeconds * 1_000 - run.elapsed()));
    await look(run, state, tick);
    verdict = judge(run, state);
    run.onMeasurement(verdict, (run.elapsed() - began) / 1_000);
    if (verdict.final) break;
  }
  const findings = [...verdict.findings, ...state.findings, ...skewFinding(source, config.gate.clockSkewSeconds)];
  return {
    ...verdict,
    findings,
    version: state.version,
    baseline: state.baseline?.version,
    windows: state.windows,
    seconds: (run.elapsed() - began) / 1_000,
  };
}

interface State {
  follower: Follower;
  windows: Window[];
  health: (string | null)[];
  errors: GateEvidence['errorsInARow'];
  version: string | undefined;
  baseline: GateEvidence['baseline'];
  findings: Finding[];
}

function newState(names: Names): State {
  const errors = { count: 0, last: '', away: false };
  const follower = new Follower(names);
  return { follower, windows: [], health: [], errors, version: undefined, baseline: undefined, findings: [] };
}

/**
 * Health and metrics in turn first: a balancer that takes turns would otherwise answer all that is asked of the one kind by one instance, and
 * the others would never be seen.
 */
async function look(run: GateRun, state: State, tick: number): Promise<void> {
  const scrape = () => run.source.next().then(...SETTLED);
  const early = tick % 2 === 1 ? await scrape() : undefined;
  const health = await run.askHealth?.();
  if (health) {
    state.health.push(problemOf(health));
    if (health.version !== undefined && health.version !== state.version) {
      state.version = health.version;
      state.baseline = run.baselineOf(health.version);
    }
  }
  try {
    for (const one of (early ?? (await scrape()))()) take(run, state, one);
    state.errors = { count: 0, last: '', away: false };
  } catch (thrown) {
    const error = toOpsError(thrown);
    const away = AWAY_CODES.has(error.code);
    // A wrong token or a page that cannot be read will not get better by waiting.
    if (!state.follower.began && !away) throw error;
    if (error.exit === 130 || error.code === 'METRIC_MISSING') throw error;
    state.errors = { count: state.errors.count + 1, last: error.message, away };
  }
}

/** An answer that is opened later, or thrown. */
const SETTLED = [
  (scrapes: Scrape[]) => () => scrapes,
  (error: unknown) => (): Scrape[] => {
    throw error;
  },
] as const;

function take(run: GateRun, state: State, scrape: Scrape): void {
  if (!state.follower.began) state.findings.push(...checkMetrics(scrape, run.names, applicableObjectives(run.config)));
  const window = state.follower.take(scrape);
  if (!window) return;
  state.windows.push(window);
  run.onWindow(window, state.version);
}

function judge({ config }: GateRun, state: State): GateVerdict {
  const routes = new Set(state.windows.flatMap((window) => [...window.routes.keys()]));
  return judgeGate({
    windows: state.windows,
    health: state.health,
    errorsInARow: state.errors,
    baseline: state.baseline,
    objectives: applicableObjectives(config, routes),
    settings: config.gate,
    cores: config.capacity.cores,
  });
}

/** The answer "no" of a gate inside a release. */
export function gateError(env: string, { verdict, findings }: GateVerdict): OpsError {
  const [first] = findings.filter(({ level }) => level === 'error');
  return new OpsError({
    code: verdict === 'fail' ? 'GATE_FAILED' : 'GATE_INCONCLUSIVE',
    message: `The gate of ${env} says ${verdict}: ${first?.message ?? 'nothing was measured'}`,
    hint: command('health:gate', { env }),
  });
}
