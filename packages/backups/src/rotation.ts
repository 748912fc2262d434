import {
  appendAudit,
  databaseOf,
  dropDatabase,
  type Environment,
  type LoadedConfig,
  OpsError,
  operatorUrl,
  type Secret,
  type StepContext,
  type TaskContext,
} from '@drydock/kit';
import { ulid } from 'ulid';
import { backupStep } from './backup.ts';
import { backupsSection } from './config/backups.ts';
import { opensHeader } from './crypt/header.ts';
import { drillSteps, isPassed } from './drill/steps.ts';
import { DUMP } from './names.ts';
import { isAhead, listOwn, openAll } from './reader.ts';
import { named, onServer } from './restore/databases.ts';
import { openSource } from './restore/source.ts';
import { openStores } from './store/open.ts';
import { backupTarget } from './target.ts';
import { judgeOf, signersOf, unsignedBecause } from './trust.ts';

export type Context = Pick<
  TaskContext,
  'config' | 'env' | 'environment' | 'out' | 'signal' | 'actor' | 'reason' | 'run' | 'task'
>;

/** What the rotation of the key of backups needs of them. Nothing is read or made before it is asked for. */
export function backupsDoor(ctx: Context) {
  const { config, env, environment } = ctx;
  const shelf = { env, product: config.product };
  const { identity: variable } = backupsSection.of(config);
  return {
    keptSeconds: keptSecondsOf(config),
    /** Every good one that a pinned signer stands for, or where none is pinned every good one, in every store, newest first. */
    async list() {
      const [pinned, now, judge] = [signersOf(config, environment), new Date(), await judgeOf(ctx)];
      const found = await Promise.all(
        openStores(config, environment).map(async (store) => {
          const listed = (await listOwn(store, shelf)).filter((one) => one.finished && !isAhead(one, now));
          return (await openAll(store, shelf, listed)).flatMap(({ id, at, opened }) =>
            opened.state === 'good' && unsignedBecause(pinned, opened) === undefined
              ? [
                  {
                    id,
                    at,
                    store: store.label,
                    recipients: opened.manifest.recipients,
                    believed: judge(opened) === undefined,
                  },
                ]
              : [],
          );
        }),
      );
      return found.flat().sort((a, b) => b.at.getTime() - a.at.getTime());
    },
    async make(recipients: readonly string[]) {
      const step = backupStep({ ...backupTarget(ctx), recipients: [...recipients] });
      const stepContext = stepContextOf(ctx);
      const manifest = await step.run(stepContext);
      await step.verify?.(stepContext, manifest);
      return manifest.id;
    },
    async opens(id: string, identity: Secret) {
      for (const store of openStores(config, environment)) {
        const listed = (await listOwn(store, shelf)).find((one) => one.id === id);
        const dump = listed?.keys.find((key) => key.endsWith(`/${DUMP}`));
        if (dump) return opensHeader(await store.read(dump), identity);
      }
      throw new OpsError({ code: 'BACKUP_UNKNOWN', message: `No store has the backup ${id}.` });
    },
    async drill(id: string, identity: Secret) {
      const alone = { ...ctx, environment: withSecret(environment, variable, identity), flags: {} };
      const full = { ...alone, environmentOf: () => alone.environment } as unknown as TaskContext;
      const server = operatorUrl(config, environment);
      const { source } = await openSource(full, id);
      const scratch = named(databaseOf(server), 'drill', ctx.run);
      const { tried: step } = drillSteps(full, server, {
        ...{
          from: id,
          backup: id,
          digest: source.digest ?? '',
          trusted: null,
          notes: [],
          scratch,
          jobs: 2,
          leftOut: [],
        },
        startedAt: new Date().toISOString(),
      });
      try {
        const tried = await step.run(contextOf(ctx));
        if (isPassed(tried))
          return `${id} was restored with the new key alone: ${tried.tables} tables, ${tried.rows} rows as they were`;
        throw new OpsError({
          code: 'DRILL_FAILED',
          message: `${id} could not be proved with the new key alone: ${tried.faults[0] ?? tried.unproved[0]}`,
        });
      } finally {
        await onServer(server, (client) => dropDatabase(client, scratch, { evenTemplate: true }));
      }
    },
  };
}

/** How long a backup is kept that nobody holds. */
export function keptSecondsOf(config: LoadedConfig): number {
  const { days, daily, weekly, monthly } = backupsSection.of(config).retention;
  return Math.max(days, daily, weekly * 7, monthly * 31) * 86_400;
}

/** A run has one backup, and a rotation may need two, for others each. */
export function stepContextOf(ctx: Context): StepContext {
  return contextOf({ ...ctx, run: ulid() });
}

/** The same, but for one variable. */
function withSecret(environment: Environment, name: string, value: Secret): Environment {
  return new Proxy(environment, {
    get(target, key) {
      if (key === 'secret') return (asked: string) => (asked === name ? value : target.secret(asked));
      if (key === 'get' || key === 'require')
        return (asked: string) => (asked === name ? value.reveal() : target[key](asked));
      if (key === 'has') return (asked: string) => asked === name || target.has(asked);
      const member = Reflect.get(target, key, target);
      return typeof member === 'function' ? member.bind(target) : member;
    },
  });
}

/** As a step of the run that rotates would have it. */
function contextOf({ run, out, signal, environment, config, task, actor, reason }: Context): StepContext {
  const said = { run, out, signal, detail: (text: string) => out.line(`    ${text}`) };
  return {
    ...said,
    results: { of: nothing, ifDone: nothing } as never,
    withoutLockSession: (work) => work(),
    audit: async (event, metadata, once) =>
      void (await appendAudit(environment, {
        ...{ config, run, task, actor, reason, event, outcome: 'done', metadata },
        ...(once === undefined ? {} : { id: `${run}-${once}` }),
      })),
  };
}

function nothing(): never {
  throw new Error('No step comes before it.');
}
