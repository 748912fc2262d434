import { checkHealth, healthSection, publicUrl } from '@drydock/health';
import {
  ask,
  type Environment,
  environmentSettings,
  exec,
  type LoadedConfig,
  NoAnswer,
  usageError,
} from '@drydock/kit';
import { manifestAt, recipeOf, scriptIn } from '../artifact/recipe.ts';
import type { Checkout } from '../checkout.ts';
import type { ReleaseConfig } from '../config.ts';
import type { Question } from '../question.ts';
import { readyPathOf } from '../ready-path.ts';
import { findProgram } from './tools.ts';

/** Sources, as far as they would name a path that they answer. */
const SOURCES = ['*.js', '*.ts', '*.mjs', '*.cjs', '*.mts', '*.cts', '*.jsx', '*.tsx'];

/** What the config says of the product, held against the commit: how it is built, started, and asked whether it is well. */
export function productQuestions(
  config: LoadedConfig,
  release: ReleaseConfig,
  environment: Environment,
  read: () => Promise<Checkout>,
): Question[] {
  return [
    {
      about: 'build',
      async ask() {
        const { build } = await recipeOf(config, release, (await read()).commit);
        const about = { path: environment.forChild('build').PATH, cwd: config.root, what: 'the build' };
        for (const [program = ''] of build.map(({ command }) => command))
          if (program !== 'node' && !program.includes('{artifact}')) findProgram(program, about);
        return build.length === 0 ? 'nothing is built' : build.map(({ command }) => command.join(' ')).join('; ');
      },
    },
    {
      about: 'start',
      async ask() {
        await refuseNoStart(config, release, (await read()).commit);
        return release.app.command.join(' ');
      },
    },
    {
      about: 'health route',
      async ask() {
        await refuseNoHealth(config, environment, (await read()).commit);
        return healthSection.of(config).path;
      },
    },
    {
      about: 'ready route',
      async ask() {
        await refuseNoReady(config, release, environment, (await read()).commit);
        return readyPathOf(config, environment, release);
      },
    },
  ];
}

async function refuseNoStart(config: LoadedConfig, { app: { command }, artifact }: ReleaseConfig, commit: string) {
  const [program = '', file] = command;
  const script = scriptIn(command);
  const short = commit.slice(0, 10);
  const hint = "Say how it is started: release: { app: { command: ['node', 'src/server.js'] } }";
  if (script !== undefined && !artifact.include) {
    const { scripts = {} } = (await manifestAt(config, commit)) ?? {};
    if (!(script in scripts))
      throw usageError(
        'START_UNKNOWN',
        `release.app.command is "${command.join(' ')}", and package.json of ${short} has no script "${script}".`,
        hint,
      );
  }
  // What a build makes is seen when it is made.
  const { build } = await recipeOf(config, { app: { command }, artifact } as ReleaseConfig, commit);
  if (program !== 'node' || !file || file.startsWith('-') || build.length > 0) return;
  const { code } = await exec('git', ['cat-file', '-e', `${commit}:./${file}`], {
    cwd: config.root,
    okCodes: [1, 128],
  });
  if (code === 0) return;
  throw usageError('START_UNKNOWN', `release.app.command starts ${file}, and ${short} has no such file.`, hint);
}

/** One that the config does not name is only taken for the product's where a source speaks of it, or what serves answers there. */
async function refuseNoHealth(config: LoadedConfig, environment: Environment, commit: string): Promise<void> {
  if ((config.written.health as { path?: unknown } | undefined)?.path !== undefined) return;
  const { path } = healthSection.of(config);
  if (await isNamed(config, path, commit)) return;
  if (hasAddress(config, environment) && (await checkHealth(config, environment)).healthy) return;
  throw usageError(
    'HEALTH_PATH_UNKNOWN',
    `Nothing in ${commit.slice(0, 10)} answers at ${path}, and health.path names no other route that says whether the product is well.`,
    "Name it: health: { path: '/healthz', token: null }   Where there is none, a page will do: health: { path: '/', token: null, expect: { status: 200 } }",
  );
}

/** The same of the route that says that an instance can take traffic: HAProxy asks it, too. */
async function refuseNoReady(config: LoadedConfig, release: ReleaseConfig, environment: Environment, commit: string) {
  const path = readyPathOf(config, environment, release);
  if (release.app.readyPath !== undefined || path === healthSection.of(config).path) return;
  if (await isNamed(config, path, commit)) return;
  if (hasAddress(config, environment) && (await answers(new URL(path, publicUrl(config, environment))))) return;
  throw usageError(
    'READY_PATH_UNKNOWN',
    `Nothing in ${commit.slice(0, 10)} answers at ${path}, and release.app.readyPath names no other route that says whether an instance can take traffic.`,
    "The one that says whether it is well will do: release: { app: { readyPath: '/healthz' } }",
  );
}

async function isNamed({ root }: LoadedConfig, path: string, commit: string): Promise<boolean> {
  const options = { cwd: root, okCodes: [1, 128] };
  const { code } = await exec('git', ['grep', '-qF', '-e', path, commit, '--', ...SOURCES], options);
  if (code === 0) return true;
  // A framework that goes by folders: app/api/admin/health/route.ts.
  const { stdout } = await exec('git', ['ls-tree', '-r', '--name-only', commit], options);
  return stdout.split('\n').some((file) => `/${file}`.includes(path));
}

function hasAddress(config: LoadedConfig, environment: Environment): boolean {
  return environment.has(environmentSettings(config, environment.name).url);
}

async function answers(url: URL): Promise<boolean> {
  try {
    return (await ask(url, { timeoutMs: 5_000, mostBytes: 1_048_576 })).ok;
  } catch (error) {
    if (error instanceof NoAnswer) return false;
    throw error;
  }
}
