import { checkHealth, type HealthResult, publicUrl } from '@drydock/health';
import {
  command,
  defineStep,
  type EnvName,
  environmentSettings,
  exec,
  OpsError,
  type Step,
  type TaskContext,
} from '@drydock/kit';
import { releaseConfig } from '../config.ts';
import type { Driver } from '../driver/types.ts';
import { type Smoked, smoke } from '../smoke.ts';
import { releasedVersion } from '../version/said.ts';
import type { Staged } from './stage.ts';

/** Every instance of the candidate, asked directly: it gets no traffic before it is healthy and answers what users ask for. */
export function candidateSteps(ctx: TaskContext, env: EnvName, driver: Driver, staged: Step<Staged>): Step[] {
  return [
    defineStep({
      name: 'candidate health',
      async run({ results, out }) {
        const { instance } = results.of(staged);
        const said: (string | null)[] = [];
        for (const url of await driver.addressesOf(instance))
          said.push((await expectHealthy(ctx, env, instance.version, url)).version);
        if (said.includes(null))
          out.warn(
            `The health answer of ${env} does not name the version that it is started with (${releaseConfig(ctx.config).app.versionVariable}): at its public address nobody can tell which one answers, but for what the proxy says.`,
          );
        return { version: instance.version };
      },
    }),
    defineStep({
      name: 'candidate smoke',
      async run({ results, signal, detail }): Promise<Smoked> {
        const pages: Smoked['pages'] = [];
        for (const url of await driver.addressesOf(results.of(staged).instance))
          pages.push(...(await smokeOf(ctx, env, url, { signal, onLine: detail })).pages);
        return { pages };
      },
    }),
  ];
}

/** The same at the address that people use. */
export function publicSteps(ctx: TaskContext, env: EnvName, staged: Step<Staged>): Step[] {
  const url = () => publicUrl(ctx.config, ctx.environmentOf(env));
  return [
    defineStep({
      name: 'health',
      run: async ({ results }) => expectHealthy(ctx, env, results.of(staged).instance.version, url()),
    }),
    defineStep({
      name: 'smoke',
      run: ({ signal, detail }) => smokeOf(ctx, env, url(), { signal, onLine: detail }),
    }),
  ];
}

function smokeOf(
  ctx: TaskContext,
  env: EnvName,
  url: string,
  options: { signal: AbortSignal; onLine(line: string): void },
): Promise<Smoked> {
  return smoke({ config: ctx.config, environment: ctx.environmentOf(env), url, ...options });
}

export function flowSteps(ctx: TaskContext, env: EnvName): Step[] {
  const { flow } = releaseConfig(ctx.config);
  if (!flow) return [];
  const runsHere = flow.environments?.includes(env) ?? environmentSettings(ctx.config, env).serves === 'validation';
  if (!runsHere) return [];
  return [
    defineStep({
      name: 'full flow',
      async run({ detail, signal }) {
        const [program = '', ...args] = flow.command;
        await exec(program === 'node' ? process.execPath : program, args, {
          cwd: ctx.config.root,
          env: ctx.environmentOf(env).forChild('product'),
          signal,
          onLine: detail,
        });
        return null;
      },
    }),
  ];
}

/** A version that says none is told apart by the driver alone. */
export async function expectHealthy(
  ctx: TaskContext,
  env: EnvName,
  version: string,
  url: string,
): Promise<{ version: string | null }> {
  const result = await checkHealth(ctx.config, ctx.environmentOf(env), url);
  refuseUnhealthy(env, result);
  const said = releasedVersion(result.version);
  if (said === undefined || said === version) return { version: said ?? null };
  throw new OpsError({
    code: 'WRONG_VERSION',
    message: `${env} answers as version ${result.version}, expected ${version}.`,
    hint: 'Does something else answer at its address?',
  });
}

export function refuseUnhealthy(env: EnvName, { healthy, parts }: HealthResult, when = ''): void {
  if (healthy) return;
  const bad = parts.find(({ ok, required }) => required && !ok);
  throw new OpsError({
    code: 'NOT_HEALTHY',
    message: `${env} is not healthy${when}: ${bad ? `${bad.part} ${bad.detail}` : 'the endpoint says so'}.`,
    hint: command('health:check', { env }),
  });
}
