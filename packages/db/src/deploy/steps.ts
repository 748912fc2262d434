import { connectPostgres, defineStep, OpsError, type Step, type StepNode } from '@drydock/kit';
import { diffToSchema } from '../drift.ts';
import { applyMigration } from '../migrations/apply.ts';
import { readMigrations } from '../migrations/folder.ts';
import { isApplied } from '../migrations/history.ts';
import { refuseUnsound } from '../migrations/refuse.ts';
import { readState, rehearse } from '../rehearsal/rehearse.ts';
import type { Target } from '../target.ts';

/** Journalled with the run: a resumed deploy applies what it began with, whatever the folder says by then. */
export type DeployPlan = {
  pending: { name: string; checksum: string }[];
};

export async function planDeploy(target: Target): Promise<DeployPlan> {
  const state = await readState(target);
  refuseUnsound(state);
  const pending = new Set(state.pending);
  return {
    pending: readMigrations(target.migrationsDir)
      .filter(({ name }) => pending.has(name))
      .map(({ name, checksum }) => ({ name, checksum })),
  };
}

/** Rehearse on a copy, then apply each migration as a step of its own, then prove that the schema is what it should be. */
export function deploySteps(target: Target, { pending }: DeployPlan): StepNode[] {
  if (pending.length === 0) return [verifyStep(target)];
  return [rehearseStep(target), ...pending.map((migration) => applyStep(target, migration)), verifyStep(target)];
}

function rehearseStep(target: Target): Step {
  return defineStep({
    name: 'rehearse',
    async run({ detail }) {
      const { findings, migrations, copy } = await rehearse(target, detail);
      const error = findings.find(({ level }) => level === 'error');
      if (error)
        throw new OpsError({
          code: error.code,
          message: `The rehearsal on a copy failed: ${error.message}`,
          hint: error.hint,
        });
      return { copy: copy ?? null, migrations: migrations.length };
    },
  });
}

function applyStep(target: Target, { name, checksum }: DeployPlan['pending'][number]): Step {
  return defineStep<{ name: string }>({
    name: `apply ${name}`,
    check: async () => ((await isAppliedTo(target, name)) ? { name } : undefined),
    async run({ out, signal }) {
      const migration = readMigrations(target.migrationsDir).find((candidate) => candidate.name === name);
      if (migration?.checksum !== checksum) {
        throw new OpsError({
          code: 'MIGRATION_EDITED',
          message: `${name} is not what this run was planned with.`,
          hint: 'Put the file back as it was, or give the run up: npm run ops:resume -- --abandon RUN',
        });
      }
      const onRetry = (attempt: number, waitMs: number) =>
        out.warn(`${name}: the table is busy; attempt ${attempt} gave its lock request back, next in ${waitMs} ms`);
      return {
        ...(await applyMigration(target.url, migration, { lockTimeoutMs: target.lockTimeoutMs, signal, onRetry })),
      };
    },
    async verify() {
      if (await isAppliedTo(target, name)) return;
      throw new OpsError({ code: 'MIGRATION_NOT_RECORDED', message: `${name} ran, but the database does not say so.` });
    },
  });
}

function verifyStep(target: Target): Step {
  return defineStep({
    name: 'verify',
    async run() {
      const state = await readState(target);
      refuseUnsound(state);
      if (state.pending.length > 0)
        throw new OpsError({
          code: 'STILL_PENDING',
          message: `Not applied: ${state.pending.join(', ')}.`,
          hint: 'Run db:deploy again.',
        });
      const drift = await diffToSchema(target.url, target.schemaFile);
      if (drift)
        throw new OpsError({
          code: 'DRIFT',
          message: `The database is not what the Prisma schema says; it would need: ${drift.slice(0, 300)}`,
          hint: 'Find out who changed it by hand: npm run ops:log',
        });
      return { applied: state.applied.length, drift: false };
    },
  });
}

async function isAppliedTo(target: Target, name: string): Promise<boolean> {
  const client = await connectPostgres(target.url, 'drydock db:deploy');
  try {
    return await isApplied(client, name);
  } finally {
    await client.end();
  }
}
