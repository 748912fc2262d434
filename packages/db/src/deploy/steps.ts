import { command, defineStep, hint, OpsError, type Step, type StepNode } from '@drydock/kit';
import { hashInventory } from '@drydock/kit/inventory';
import { keepInventory } from '../drift/kept.ts';
import { keepSnapshot } from '../load/statements.ts';
import { readMigration } from '../migrations/folder.ts';
import { refuseUnsound } from '../migrations/refuse.ts';
import { recordSquash } from '../migrations/resolve.ts';
import { readFolderAndState } from '../migrations/state.ts';
import { currentCommit, DEPLOYED } from '../schema/running.ts';
import { sharingSessions } from '../sessions/sharing.ts';
import type { Target } from '../target.ts';
import { promisedByApplied, verify } from '../verify/verify.ts';
import type { Rehearsed } from './rehearse.ts';
import { DeploySessions } from './sessions.ts';
import { waiting } from './waiting.ts';

/** Journalled with the run: a resumed deploy applies what it began with, whatever the folder says by then. */
export type DeployPlan = {
  pending: { name: string; checksum: string }[];
  /** Squashes of what is applied already: recorded, not run. */
  squashed: { name: string; checksum: string }[];
};

export async function planDeploy(target: Target): Promise<DeployPlan> {
  const { state, migrations } = await readFolderAndState(target);
  refuseUnsound(state);
  const all = migrations.map(({ name, checksum }) => ({ name, checksum }));
  return {
    pending: all.filter(({ name }) => state.pending.includes(name)),
    squashed: all.filter(({ name }) => state.squashed.includes(name)),
  };
}

/**
 * Applies each migration as a step of its own, then proves that the schema is what it should be. `rehearsed` is the
 * step, in this run, that rehearsed them; undefined where there was nothing to rehearse.
 */
export function deploySteps(
  target: Target,
  { pending, squashed = [] }: DeployPlan,
  rehearsed: Step<Rehearsed> | undefined,
): StepNode[] {
  const sessions = new DeploySessions(target.url);
  return [
    ...squashed.map(({ name }) => recordSquashStep(target, name, sessions)),
    ...(pending.length > 0 ? [statisticsStep(target)] : []),
    ...pending.map((migration) => applyStep(target, migration, sessions)),
    verifyStep(target, { pending, rehearsed, sessions }),
  ];
}

/** All that it makes is there: whether it still is so is asked again where it is recorded. */
function recordSquashStep(target: Target, name: string, sessions: DeploySessions): Step {
  return defineStep({
    name: `record ${name}`,
    check: async () => ((await sessions.isApplied(name)) ? { name } : undefined),
    run: async () => {
      await recordSquash(target, name);
      return { name };
    },
    async verify() {
      if (await sessions.isApplied(name)) return;
      throw new OpsError({ code: 'MIGRATION_NOT_RECORDED', message: `${name} is not recorded as applied.` });
    },
  });
}

/** What db:verify and db:slow compare with. */
function statisticsStep(target: Target): Step {
  return defineStep({
    name: 'keep statement statistics',
    run: async ({ run }) => ({ kept: await keepSnapshot(target.url, run) }),
  });
}

function applyStep(target: Target, { name, checksum }: DeployPlan['pending'][number], sessions: DeploySessions): Step {
  return defineStep<{ name: string }>({
    name: `apply ${name}`,
    check: async () => ((await sessions.isApplied(name)) ? { name } : undefined),
    async run({ run, out, signal }) {
      const migration = readMigration(target.migrationsDir, name);
      if (migration.checksum !== checksum) {
        throw new OpsError({
          code: 'MIGRATION_EDITED',
          message: `${name} is not what this run was planned with.`,
          hint: hint`Put the file back as it was and go on with this run, or begin a new one: ${command('db:deploy', { env: target.env })}`,
        });
      }
      const options = {
        ...waiting(target, name, out),
        signal,
        again: command('ops:resume', { run }),
      };
      const applied = await sessions.apply((session) => session.apply(migration, options));
      return { ...applied };
    },
    async verify() {
      if (await sessions.isApplied(name)) return;
      throw new OpsError({ code: 'MIGRATION_NOT_RECORDED', message: `${name} ran, but the database does not say so.` });
    },
  });
}

function verifyStep(
  target: Target,
  {
    pending,
    rehearsed,
    sessions,
  }: Pick<DeployPlan, 'pending'> & { rehearsed: Step<Rehearsed> | undefined; sessions: DeploySessions },
): Step {
  return defineStep({
    name: 'verify',
    run: ({ results, audit, out }) =>
      sharingSessions(async () => {
        await sessions.close();
        const told = rehearsed ? results.of(rehearsed).promised : [];
        // What comes behind the last that was rehearsed may have taken away again what that made.
        const { promised, findings: unknown } = told
          ? { promised: told, findings: [] }
          : await promisedByApplied(target);
        const {
          findings: found,
          objects,
          plans,
          drift,
          actual,
          applied,
        } = await verify(target, promised, { deploying: true });
        const findings = [...unknown, ...found];
        const [first] = findings.filter(({ level }) => level === 'error');
        if (first) throw new OpsError({ code: first.code, message: first.message, hint: first.hint });
        for (const { message, code } of findings.filter(({ level }) => level === 'warn'))
          out.warn(`${code}: ${message}`);
        const inventory = hashInventory(actual);
        await keepInventory(target.url, inventory, actual).catch((error) => {
          // A role that may not make the table loses what it is for, not its deploy.
          if ((error as OpsError).code !== 'OWN_TABLE_MISSING') throw error;
          out.warn(`What was changed by hand will not be known to the letter: ${(error as Error).message}`);
        });
        const head = applied.toSorted().at(-1) ?? null;
        const commit = (await currentCommit(target.schemaFile)) ?? null;
        await audit(DEPLOYED, { commit, head, inventory, ...(drift ? { drift } : {}) });
        return { applied: pending.length, objects, plans: plans.length, drift: drift?.length ?? null };
      }),
  });
}
