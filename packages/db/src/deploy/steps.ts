import { connectPostgres, defineStep, EXIT, OpsError, type Step, type StepNode, usageError } from '@drydock/kit';
import { isCode } from '../hazards/codes.ts';
import { keepSnapshot } from '../load/statements.ts';
import { applyMigration } from '../migrations/apply.ts';
import { readMigrations } from '../migrations/folder.ts';
import { isApplied } from '../migrations/history.ts';
import { refuseUnsound } from '../migrations/refuse.ts';
import { readState, rehearse } from '../rehearsal/rehearse.ts';
import { hashInventory, inventoryOf, type Promised } from '../schema/inventory.ts';
import { currentCommit, DEPLOYED } from '../schema/running.ts';
import type { Target } from '../target.ts';
import { verify } from '../verify/verify.ts';

/** Journalled with the run: a resumed deploy applies what it began with, whatever the folder says by then. */
export type DeployPlan = {
  pending: { name: string; checksum: string }[];
};

export interface RehearseOptions {
  name?: string;
  /** Codes of hazards that are taken on. */
  accept?: string[];
  /** Commit of the version that serves now. */
  running?: string | undefined;
}

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

export type Rehearsed = { copy: string | null; migrations: number; promised: Promised };

/** What would fail is refused; a hazard that is an error, too, unless its code is accepted. */
export function rehearseStep(target: Target, { name = 'rehearse', accept = [], running }: RehearseOptions = {}): Step {
  refuseUnknownCodes(accept);
  return defineStep<Rehearsed>({
    name,
    async run({ detail, out }) {
      const { findings, migrations, copy, promised } = await rehearse(target, { onMigration: detail, running });
      const errors = findings.filter(({ level }) => level === 'error');
      const standing = errors.filter(({ code }) => !isAcceptable(code) || !accept.includes(code));
      for (const { code, message } of errors.filter((error) => !standing.includes(error)))
        out.warn(`${code} accepted: ${message}`);
      const [first] = standing;
      if (first) throw refusal(target, first, standing.length);
      return { copy: copy ?? null, migrations: migrations.length, promised };
    },
  });
}

function refusal(
  target: Target,
  first: { code: string; message: string; hint?: string | undefined },
  count: number,
): OpsError {
  const more = count > 1 ? ` (and ${count - 1} more)` : '';
  return new OpsError({
    code: first.code,
    message: `The rehearsal on a copy found ${first.code}${more}: ${first.message}`,
    hint: isAcceptable(first.code)
      ? `See it with its safe recipe: npm run db:dry-run -- --env ${target.env}   Or take it on: --accept ${first.code}`
      : first.hint,
    exit: isAcceptable(first.code) ? EXIT.refused : EXIT.failed,
  });
}

/** What fails cannot be wished away. */
function isAcceptable(code: string): boolean {
  const fails = ['DRIFT', 'NOT_NULL_WITHOUT_DEFAULT', 'ENUM_VALUE_USED', 'CONCURRENTLY_IN_TRANSACTION'];
  return isCode(code) && !code.startsWith('MIGRATION_') && !fails.includes(code);
}

function refuseUnknownCodes(accept: string[]): void {
  const bad = accept.find((code) => !isAcceptable(code));
  if (bad)
    throw usageError(
      'ACCEPT_UNKNOWN',
      isCode(bad) ? `${bad} cannot be accepted: it would fail.` : `${bad} is no code of a hazard.`,
      'The codes: npm run db:dry-run -- --codes',
    );
}

/**
 * Applies each migration as a step of its own, then proves that the schema is what it should be. `rehearsed` is the
 * name of the step, in this run, that rehearsed them.
 */
export function deploySteps(target: Target, { pending }: DeployPlan, rehearsed: string): StepNode[] {
  return [...pending.map((migration) => applyStep(target, migration)), verifyStep(target, pending, rehearsed)];
}

function applyStep(target: Target, { name, checksum }: DeployPlan['pending'][number]): Step {
  return defineStep<{ name: string }>({
    name: `apply ${name}`,
    check: async () => ((await isAppliedTo(target, name)) ? { name } : undefined),
    async run({ out, signal, run }) {
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
      await keepSnapshot(target.url, run);
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

function verifyStep(target: Target, pending: DeployPlan['pending'], rehearsed: string): Step {
  return defineStep({
    name: 'verify',
    async run({ results, audit, out }) {
      const promised = results.has(rehearsed) ? results.get<Rehearsed>(rehearsed).promised : [];
      const { findings, objects, plans } = await verify(target, promised);
      const [first] = findings.filter(({ level }) => level === 'error');
      if (first) throw new OpsError({ code: first.code, message: first.message, hint: first.hint });
      for (const { message, code } of findings.filter(({ level }) => level === 'warn')) out.warn(`${code}: ${message}`);
      const inventory = hashInventory(await inventoryOf(target.url));
      const head = (await readState(target)).applied.toSorted().at(-1) ?? null;
      await audit(DEPLOYED, { commit: (await currentCommit(target.schemaFile)) ?? null, head, inventory });
      return { applied: pending.length, objects, plans: plans.length, drift: false };
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
