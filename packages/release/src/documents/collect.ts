import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { backupsSection, type Drill, drillTable } from '@drydock/backups';
import {
  databaseSection,
  type Environment,
  type EnvName,
  isPlainName,
  type LoadedConfig,
  OpsError,
  operatorUrl,
  readEventsNamed,
  type TaskContext,
  withPostgres,
} from '@drydock/kit';
import { artifactStore } from '../artifact/store.ts';
import { documentsSchema } from '../config/documents.ts';
import { releaseSection } from '../config.ts';
import { withRecord } from '../record/record.ts';
import type { Evidence, Release } from '../record/types.ts';
import { pageOf, type VersionIn } from './pages.ts';
import { type Rotation, rotationTable, rowOf } from './rotations.ts';
import { withRows } from './rows.ts';

type Asking = Pick<TaskContext, 'config' | 'environmentOf'>;
type Event<M> = Omit<Rotation, 'metadata'> & { metadata: M };

interface Told {
  env: EnvName;
  /** Oldest first, as all of it. */
  releases: Release[];
  evidence: Map<string, Evidence[]>;
  /** What is new, by version; undefined where the store could not be asked. */
  changelogs: Map<string, string> | undefined;
  drills: Event<Partial<Drill>>[];
  rotations: Event<Rotation['metadata']>[];
}

export interface Collected {
  [key: string]: { path: string; text: string }[] | { env: string; why: string }[] | string[];
  /** Documents that are to be written, by their path below the config's folder. */
  files: { path: string; text: string }[];
  asked: string[];
  /** Environments whose databases could not be asked: what stands of them in the documents stays. */
  unseen: { env: string; why: string }[];
}

/** What the documents would be, where that is not what they are. */
export async function collect(ctx: Asking): Promise<Collected> {
  const told: Told[] = [];
  const unseen: Collected['unseen'] = [];
  for (const env of Object.keys(ctx.config.environments)) {
    try {
      const one = await ask(ctx, env);
      if (one) told.push(one);
    } catch (error) {
      if (!(error instanceof OpsError) || !error.code.startsWith('DATABASE_')) throw error;
      unseen.push({ env, why: error.message });
    }
  }
  for (const { env, changelogs } of told)
    if (!changelogs) unseen.push({ env, why: 'Its store of artefacts could not be asked what is new in a version.' });
  return { files: documents(ctx, told), asked: told.map(({ env }) => env), unseen };
}

/** Undefined where this checkout has no address of its database. */
async function ask({ config, environmentOf }: Asking, env: EnvName): Promise<Told | undefined> {
  const environment = environmentOf(env);
  const { url, appUrl } = databaseSection.of(config);
  if (!environment.has(url) && !environment.has(appUrl)) return undefined;
  const recorded = await withRecord(config, environment, async (record) => {
    const releases = (await record.history(ALL)).toReversed();
    const evidence = new Map<string, Evidence[]>();
    for (const commit of new Set(releases.map((release) => release.commit)))
      evidence.set(commit, await record.evidence(commit));
    return { releases, evidence };
  });
  return withPostgres(operatorUrl(config, environment), 'drydock docs:records', async (client) => {
    const named = async (name: string) =>
      (await readEventsNamed(client, name, ALL)).filter((event) => event.env === env).toReversed();
    const changelogs = await changelogsIn(config, environment);
    return {
      env,
      ...recorded,
      changelogs,
      drills: await named('backup.drill'),
      rotations: await named('secret.rotated'),
    };
  });
}

const ALL = 1_000_000;

/** The artefact's record has it. A store that is away takes nothing from a page: what stands there stays. */
async function changelogsIn(config: LoadedConfig, environment: Environment): Promise<Told['changelogs']> {
  if (!releaseSection.of(config)) return new Map();
  try {
    const artifacts = await artifactStore(config, environment).list();
    return new Map(artifacts.flatMap(({ version, changelog }) => (changelog ? [[version, changelog]] : [])));
  } catch (error) {
    if (!(error instanceof OpsError)) throw error;
    return undefined;
  }
}

function documents({ config }: Asking, told: Told[]): Collected['files'] {
  const { releases: folder, rotations } = releaseSection.of(config)?.documents ?? documentsSchema.parse({});
  const textOf = (path: string) =>
    existsSync(config.path(path)) ? readFileSync(config.path(path), 'utf8') : undefined;
  const { drillLog } = backupsSection.of(config);
  const tables = [
    {
      path: drillLog,
      table: drillTable,
      rows: told.flatMap(({ env, drills }) =>
        drills.map((drill) => ({
          ...drill,
          cells: drillTable.cells(env, { ...UNTOLD, at: drill.at, ...drill.metadata }),
        })),
      ),
    },
    {
      path: rotations,
      table: rotationTable,
      rows: told.flatMap((one) =>
        one.rotations.map((rotation) => ({
          ...{ at: rotation.at, run: rowOf(rotation), cells: rotationTable.cells(rotation) },
        })),
      ),
    },
  ].map(({ path, table, rows }) => ({
    path,
    text: withRows(
      textOf(path),
      table,
      rows.filter(({ run }) => isPlainName(run) && !run.includes('--')).sort((a, b) => (a.at < b.at ? -1 : 1)),
    ),
  }));
  const pages = versionsOf(told).map(([version, versions]) => {
    const path = join(folder, `${version}.md`);
    const changelog = told.map(({ changelogs }) => changelogs?.get(version)).find(Boolean);
    return { path, text: pageOf(version, versions, { changelog, before: textOf(path) }) };
  });
  return [...tables, ...pages].flatMap(({ path, text }) =>
    text === undefined || text === textOf(path) ? [] : [{ path, text }],
  );
}

/** What events of before did not tell. */
const UNTOLD: Drill = {
  ...{ at: '', backup: '', passed: false, rto: 0, rpo: 0, tables: 0, rows: 0, queries: 0 },
  ...{ faults: [], unproved: [] },
};

function versionsOf(told: Told[]): [string, VersionIn[]][] {
  const versions = new Map<string, VersionIn[]>();
  for (const { env, releases, evidence } of told)
    for (const [version, ofVersion] of Map.groupBy(releases, (release) => release.version)) {
      if (!isPlainName(version)) continue;
      const commits = new Set(ofVersion.map(({ commit }) => commit));
      const one = { env, releases: ofVersion, evidence: [...commits].flatMap((commit) => evidence.get(commit) ?? []) };
      versions.set(version, [...(versions.get(version) ?? []), one]);
    }
  return [...versions];
}
