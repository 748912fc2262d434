import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import {
  command,
  defineStep,
  hint,
  makeStateFolder,
  OpsError,
  renameDurably,
  type Step,
  syncFolder,
  writeDurably,
} from '@drydock/kit';
import { readMigration } from '../migrations/folder.ts';
import { SQUASHED } from '../migrations/squashes.ts';
import { parseStatements } from '../migrations/statements.ts';
import type { Target } from '../target.ts';
import { joinMigrations } from './join.ts';
import type { SquashPlan } from './plan.ts';
import { proveSame } from './prove.ts';

export type Proven = { objects: number; rows: number; inPieces: boolean };

/**
 * Proven, then written, then the old ones are put aside into `.drydock/squashed/NAME/`. Whatever is cut off is gone on with: as long as both are
 * in the folder, nothing is deployed from it (SQUASH_UNFINISHED).
 */
export function squashSteps(target: Target, plan: SquashPlan): { nodes: Step[]; proven: Step<Proven> } {
  const proven = proveStep(target, plan);
  return { nodes: [proven, writeStep(target, plan), asideStep(target, plan)], proven };
}

async function textOf(target: Target, { standsFor }: SquashPlan): Promise<string> {
  return joinMigrations(standsFor.map(({ name, checksum }) => readAsPlanned(target, name, checksum)));
}

function readAsPlanned({ migrationsDir }: Target, name: string, checksum: string) {
  const migration = readMigration(migrationsDir, name);
  if (migration.checksum === checksum) return migration;
  throw new OpsError({
    code: 'MIGRATION_EDITED',
    message: `${name} is not what this run was planned with.`,
    hint: hint`Put the file back as it was and go on with this run, or begin a new one: ${command('db:squash')}`,
  });
}

const isWritten = ({ migrationsDir }: Target, { name }: SquashPlan) => existsSync(join(migrationsDir, name, SQUASHED));

function proveStep(target: Target, plan: SquashPlan): Step<Proven> {
  return defineStep<Proven>({
    name: 'prove',
    async run() {
      const old = plan.standsFor.map(({ name, checksum }) => readAsPlanned(target, name, checksum));
      const sql = await textOf(target, plan);
      const file = join(target.migrationsDir, plan.name, 'migration.sql');
      const same = await proveSame(target, old, { name: plan.name, file, sql });
      const inPieces = (await parseStatements(sql, file)).some(({ alone }) => alone);
      return { ...same, inPieces };
    },
  });
}

/** Under another name first: a folder appears whole, or not at all. */
function writeStep(target: Target, plan: SquashPlan): Step<{ name: string }> {
  const folder = join(target.migrationsDir, plan.name);
  return defineStep<{ name: string }>({
    name: `write ${plan.name}`,
    check: async () => (isWritten(target, plan) ? { name: plan.name } : undefined),
    async run() {
      const sql = await textOf(target, plan);
      const making = join(makeStateFolder(target.root, 'squashed'), `${plan.name}.new`);
      rmSync(making, { recursive: true, force: true });
      mkdirSync(making, { mode: 0o755 });
      writeDurably(join(making, 'migration.sql'), sql, 0o644);
      writeDurably(join(making, SQUASHED), `${JSON.stringify({ standsFor: plan.standsFor }, null, 2)}\n`, 0o644);
      renameDurably(making, folder);
      return { name: plan.name };
    },
    undo: async () => rmSync(folder, { recursive: true, force: true }),
  });
}

function asideStep(target: Target, { name, standsFor }: SquashPlan): Step<{ aside: string }> {
  const { migrationsDir, root } = target;
  const left = () => standsFor.filter((one) => existsSync(join(migrationsDir, one.name)));
  return defineStep<{ aside: string }>({
    name: `put ${standsFor.length} migrations aside`,
    check: async () => (left().length === 0 ? { aside: join('.drydock', 'squashed', name) } : undefined),
    async run() {
      const aside = makeStateFolder(root, 'squashed', name);
      for (const one of left()) {
        rmSync(join(aside, one.name), { recursive: true, force: true });
        renameDurably(join(migrationsDir, one.name), join(aside, one.name));
      }
      for (const folder of [aside, migrationsDir]) syncFolder(folder);
      return { aside: join('.drydock', 'squashed', name) };
    },
    async verify() {
      const [first] = left();
      if (first) throw new Error(`${first.name} is still in the folder`);
    },
    async undo() {
      const aside = makeStateFolder(root, 'squashed', name);
      for (const one of standsFor.filter((each) => readdirSync(aside).includes(each.name)))
        if (!existsSync(join(migrationsDir, one.name)))
          renameDurably(join(aside, one.name), join(migrationsDir, one.name));
      syncFolder(migrationsDir);
      rmSync(aside, { recursive: true, force: true });
      syncFolder(dirname(aside));
    },
  });
}
