import {
  copySource,
  databaseSection,
  defineStep,
  dropDatabase,
  type Finding,
  localeOf,
  OpsError,
  readerUrl,
  type Secret,
  type Step,
  type StepNode,
  type TaskContext,
  withDatabase,
  withPostgres,
} from '@drydock/kit';
import { markName, noBytes } from '../catalogue.ts';
import { backupsSection } from '../config/backups.ts';
import { compact } from '../names.ts';
import { listOwn } from '../reader.ts';
import { makeDatabase, onServer } from '../restore/databases.ts';
import { putOnSettings } from '../restore/dress.ts';
import { provideForArchive } from '../restore/foreseen.ts';
import { readHead } from '../restore/head.ts';
import { pgRestore } from '../restore/pg-restore.ts';
import { readPlain } from '../restore/plain.ts';
import { openPlanned, type RestorePlan } from '../restore/plan.ts';
import { countsBeside, prove } from '../restore/prove.ts';
import { refuseLackingRoles } from '../restore/roles.ts';
import { orUnproved } from '../restore/unproved.ts';
import { openStores } from '../store/open.ts';
import { type Note, trustSteps } from '../trust.ts';
import type { Drill } from './log.ts';
import { runDrillQueries } from './queries.ts';

/** Journalled: a resumed drill tries the backup that it began with. */
export type DrillPlan = {
  from: string;
  backup: string;
  digest: string;
  trusted: RestorePlan['trusted'];
  notes: Note[];
  scratch: string;
  jobs: number;
  startedAt: string;
  leftOut: string[];
};

export type Tried = {
  rto: number;
  rpo: number;
  tables: number;
  rows: number;
  queries: number;
  /** Sentences: what is not as it should be, and what there was nothing to compare with. None if it passed. */
  faults: string[];
  unproved: string[];
};

/** What could not be compared is not proved. */
export function isPassed({ faults, unproved }: Tried): boolean {
  return faults.length === 0 && unproved.length === 0;
}

/** Codes of a comparison that say that there was nothing to compare with; those of other warnings say what was found. */
const UNCOMPARED = /(^|_)NOT_|^UN/;

/** A backup that cannot be restored is the drill's result, not its failure: it is written down like any other. */
export function drillSteps(
  ctx: TaskContext,
  server: Secret,
  plan: DrillPlan,
): { nodes: StepNode[]; tried: Step<Tried> } {
  const tried = tryStep(ctx, server, plan);
  const nodes = [...trustSteps(plan.backup, plan.trusted), tried, dropStep(server, plan), recordStep(ctx, plan, tried)];
  return { nodes, tried };
}

function tryStep(ctx: TaskContext, server: Secret, plan: DrillPlan): Step<Tried> {
  return defineStep<Tried>({
    name: 'restore and compare',
    async run({ signal, detail }) {
      const started = performance.now();
      const tried: Tried = { rto: 0, rpo: 0, tables: 0, rows: 0, queries: 0, faults: [], unproved: [] };
      try {
        const source = await openPlanned(ctx, plan);
        const { manifest } = source;
        tried.rpo = manifest ? (Date.parse(plan.startedAt) - Date.parse(manifest.startedAt)) / 60_000 : 0;
        const identity = ctx.environment.secret(backupsSection.of(ctx.config).identity);
        const head = await readHead(readPlain(source, identity), { noOwner: true, signal });
        const copies = elsewhere(ctx) ? {} : copySource(ctx.config, ctx.environment);
        const locale = await onServer(server, async (client) => {
          await refuseLackingRoles(client, head.objects ?? [], plan.backup);
          await makeDatabase(client, plan.scratch, head.properties.create, copies);
          return localeOf(client, plan.scratch);
        });
        const url = withDatabase(server, plan.scratch);
        await provideForArchive(url, head.objects ?? [], { manifest, source: copies, locale });
        await withPostgres(url, 'drydock backup:drill', (client) =>
          putOnSettings(client, plan.scratch, head.properties.statements),
        );
        detail('restore');
        const counts = countsBeside(manifest, undefined);
        const { skipped, counted, largeObjects } = await pgRestore(readPlain(source, identity), url, {
          jobs: plan.jobs,
          noOwner: true,
          beside: true,
          signal,
          counts,
        });
        const findings: Finding[] = skipped
          .filter(({ hole }) => hole)
          .map(({ what, why }) => ({
            level: 'error',
            code: 'DRILL_FAILED',
            message: `${what} was not restored: ${why}.`,
          }));
        detail('compare');
        if (manifest) {
          const compared = await orUnproved(
            prove(url, {
              manifest,
              counted: counted ?? null,
              largeObjects: largeObjects ?? null,
              tables: null,
              jobs: plan.jobs,
              access: false,
              // What came of it, and by another way than the one that the backup was made in.
              again: () => readPlain(source, identity),
            }),
          );
          Object.assign(tried, { tables: compared.tables, rows: compared.rows });
          findings.push(...compared.findings.filter(({ level }) => level === 'error'));
          tried.unproved = compared.findings
            .filter(({ level, code }) => level !== 'error' && UNCOMPARED.test(code))
            .map(({ message }) => message);
        } else tried.unproved = ['There is no manifest to compare with.'];
        tried.rto = (performance.now() - started) / 1_000;
        detail('queries of the product');
        const asked = await runDrillQueries(
          url,
          ctx.config.path(backupsSection.of(ctx.config).drills),
          readerOf(ctx, plan),
        );
        tried.queries = asked.count;
        tried.faults = [...findings, ...asked.findings].map(({ message }) => message);
      } catch (error) {
        signal.throwIfAborted();
        if (!(error instanceof OpsError) || isOurTrouble(error)) {
          await dropCopy(server, plan);
          throw error;
        }
        tried.faults = [error.message];
      }
      return tried;
    },
  });
}

/** Only where the live database lies too: what another server knows of roles is not known. */
function readerOf(ctx: TaskContext, { scratch }: DrillPlan): Secret | undefined {
  const { config, environment } = ctx;
  if (elsewhere(ctx) || !environment.has(databaseSection.of(config).readUrl)) return undefined;
  return withDatabase(readerUrl(config, environment), scratch);
}

/** The server, the key or the store were not there: nothing was tried, so nothing is said of the backup. */
function isOurTrouble({ code }: OpsError): boolean {
  return /^(DATABASE_|STORE_|NO_CREATEDB|EXTENSION_|ROLE_MISSING|PG_RESTORE_TOO_OLD|COMPARE_FAILED|SCRATCH_|TOOL_MISSING|VARIABLE_|TEMPORARY_|BACKUP_(UNKNOWN|UNTRUSTED|FORGED|CHANGED))/.test(
    code,
  );
}

function dropStep(server: Secret, plan: DrillPlan): Step {
  return defineStep({
    name: 'drop the copy',
    async run() {
      await dropCopy(server, plan);
      return null;
    },
  });
}

function dropCopy(server: Secret, { scratch }: DrillPlan): Promise<void> {
  return onServer(server, (client) => dropDatabase(client, scratch, { evenTemplate: true }));
}

/** On another server than the live one's, of which database.scratch tells. */
function elsewhere({ flags }: Pick<TaskContext, 'flags'>): boolean {
  return (flags as { targetUrl?: string }).targetUrl !== undefined;
}

function recordStep(ctx: TaskContext, plan: DrillPlan, attempt: Step<Tried>): Step {
  return defineStep({
    name: 'record',
    async run({ results, signal, audit }) {
      const tried = results.of(attempt);
      const passed = isPassed(tried);
      if (passed) await markProved(ctx, plan, signal);
      // Into the database, from where docs:records writes the document: no checkout becomes dirty by a drill.
      const drill: Drill = { at: plan.startedAt, backup: plan.backup, passed, ...tried };
      await audit('backup.drill', drill, 'drill');
      return null;
    },
  });
}

async function markProved(
  { config, environment, env }: TaskContext,
  { backup, startedAt }: DrillPlan,
  signal: AbortSignal,
): Promise<void> {
  for (const store of openStores(config, environment)) {
    const listed = (await listOwn(store, { env, product: config.product })).find(({ id }) => id === backup);
    if (
      !listed?.finished ||
      listed.marks.some((mark) => mark.kind === 'drill' && mark.at === compact(new Date(startedAt)))
    )
      continue;
    await store.write(`${listed.folder}/${markName.drill(compact(new Date(startedAt)))}`, noBytes(), { signal });
  }
}
