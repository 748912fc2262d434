import { dirname } from 'node:path';
import { backupTarget } from '@drydock/backups';
import { healthToken, probeChain, probeRedis, publicUrl } from '@drydock/health';
import { type Environment, type LoadedConfig, type TaskContext, usageError } from '@drydock/kit';
import { artifactStore } from '../artifact/store.ts';
import { releaseConfig } from '../config.ts';
import { driverOf } from '../driver/driver.ts';
import { missedVariables, productEnvironment } from '../host/environment.ts';
import { hostFolder } from '../host/folder.ts';
import { nodeQuestion } from '../host/node.ts';
import type { Question } from '../question.ts';
import { databaseQuestions } from './database.ts';
import { migrationsQuestion } from './migrations.ts';
import { freeDisk, LEAST_WORK_MIB } from './tools.ts';

type Context = Pick<TaskContext, 'config' | 'run' | 'actor' | 'reason'>;

/** What the steps of one environment will need of it. `accept`: codes of hazards that are taken on. */
export function environmentQuestions(
  ctx: Context,
  environment: Environment,
  { accept, warn }: { accept: string[]; warn(text: string): void },
): Question[] {
  const { config, actor, reason, run } = ctx;
  return [
    { about: 'variables', ask: async () => refuseMissing(ctx, environment) },
    { about: 'address', ask: async () => publicUrl(config, environment) },
    ...tokenQuestion(ctx, environment),
    ...databaseQuestions(config, environment, run),
    migrationsQuestion(config, environment, { accept, warn }),
    ...serviceQuestions(ctx, environment),
    {
      about: 'backups',
      async ask() {
        const { stores, recipients, signer } = backupTarget({ config, environment, actor, reason });
        const kept = await Promise.all(
          stores.map(async (store) => ({ store, n: (await store.list(`${environment.name}/`)).length })),
        );
        const who = `${recipients.length} ${recipients.length === 1 ? 'recipient' : 'recipients'}${signer ? ', signed' : ''}`;
        return `${kept.map(({ store }) => store.label).join(', ')}; ${who}`;
      },
    },
    ...questionsOf('driver', () => driverOf(config, environment).questions()),
    ...questionsOf('disk of versions', () => hostQuestions(config, environment)),
    ...nodeQuestions(config, environment, warn),
    { about: 'variables of this shell', ask: () => tellMissed(config, environment, warn) },
    ...questionsOf('store of artefacts', () => artifactStore(config, environment).questions()),
  ];
}

/** What cannot even say what it needs, for an address of it is missing, is one thing that is missing among others. */
function questionsOf(about: string, make: () => Question[]): Question[] {
  try {
    return make();
  } catch (thrown) {
    return [{ about, ask: () => Promise.reject(thrown) }];
  }
}

/** Every declared variable that the environment cannot do without, and the form of each that is there. */
function refuseMissing({ config }: Context, environment: Environment): string {
  const declared = Object.entries(config.variables);
  const missing = declared.filter(
    ([name, { required }]) => required.includes(environment.name) && !environment.has(name),
  );
  if (missing.length > 0)
    throw usageError(
      'VARIABLE_MISSING',
      `${missing.map(([name]) => name).join(', ')} ${missing.length === 1 ? 'is' : 'are'} not set for ${environment.name}.`,
      missing.map(([name, { example }]) => `${name}='${example}'`).join('   '),
    );
  const set = declared.filter(([name]) => environment.has(name));
  for (const [name] of set) environment.get(name);
  return `${set.length} set`;
}

/** The health endpoint is asked of the candidate, when its migrations are applied. */
function tokenQuestion({ config }: Context, environment: Environment): Question[] {
  const token = healthToken(config, environment);
  if (token === null) return [];
  return [
    {
      about: 'health token',
      async ask() {
        environment.require(token);
        return `${token} is set`;
      },
    },
  ];
}

/** What the product itself will need once it runs, where it has it. */
function serviceQuestions({ config }: Context, environment: Environment): Question[] {
  const parts = { Redis: probeRedis, chain: probeChain };
  return Object.entries(parts).map(([about, probe]) => ({
    about,
    async ask() {
      const asked = await probe(config, environment);
      const bad = asked.find(({ ok }) => !ok);
      if (bad) throw usageError('SERVICE_NOT_WELL', `${bad.part} of ${environment.name} is not well: ${bad.detail}.`);
      return asked.length === 0 ? 'none' : asked.map(({ detail }) => detail).join(', ');
    },
  }));
}

/** Where versions lie, if that is this machine. */
function hostQuestions(config: LoadedConfig, environment: Environment): Question[] {
  const release = releaseConfig(config);
  if (release.driver !== 'local') return [];
  // Where its folder lies is known by the proxy: that this is not there is told by another question.
  if (!environment.has(release.local.folder) && !environment.has(release.proxy.stateFile)) return [];
  const { services } = hostFolder(config, release, environment);
  return [{ about: 'disk of versions', ask: async () => freeDisk(dirname(services), LEAST_WORK_MIB) }];
}

/** Elsewhere it is the image's. */
function nodeQuestions(config: LoadedConfig, environment: Environment, warn: (text: string) => void): Question[] {
  const { driver, app } = releaseConfig(config);
  return driver === 'local' ? [nodeQuestion(config, app.node, environment.name, warn)] : [];
}

/** A shell is not the product's, unless config says so; that something of it will be missed is not to be found out by people. */
async function tellMissed(
  config: LoadedConfig,
  environment: Environment,
  warn: (text: string) => void,
): Promise<string> {
  const { app, artifact } = releaseConfig(config);
  const { left } = productEnvironment(config, environment, app, process.execPath);
  const missed = await missedVariables(config, { commit: 'HEAD', include: artifact.include ?? ['.'], left });
  if (missed.length > 0)
    warn(
      `The product of ${environment.name} does not get ${missed.join(', ')} of this shell: it would from an env file, or declared in "variables".`,
    );
  return `${left.length} stay here`;
}
