#!/usr/bin/env node
import {
  command,
  copySource,
  counted,
  databaseOf,
  defineChangeTask,
  EXIT,
  type Finding,
  flag,
  hint,
  main,
  OpsError,
  operatorUrl,
  type Secret,
  type TaskContext,
  temporaryFolder,
  usageError,
} from '@drydock/kit';
import { backupsSection } from '../src/config/backups.ts';
import { requireIdentity } from '../src/crypt/identity.ts';
import { checkDrillQueries } from '../src/drill/queries.ts';
import { type DrillPlan, drillSteps, isPassed } from '../src/drill/steps.ts';
import { named, onServer, refuseNoDatabase } from '../src/restore/databases.ts';
import { describeLeftOut, foreseeLeftOut } from '../src/restore/left-out.ts';
import { openSource } from '../src/restore/source.ts';

const task = defineChangeTask({
  name: 'backup:drill',
  summary: 'Restores a backup into a scratch database, proves it, measures it, and records it.',
  description:
    "Every table's rows and checksum are compared with the manifest, the product's own queries (backups.drills) must bring rows, the time to\n" +
    'restore (RTO) and the age of the data (RPO) are measured. The scratch is dropped; the result is an audit event, of which docs:records\n' +
    'makes a row of the document that backups.drillLog names.\n' +
    'Exit 3 if the backup is not what it should be, or could not be compared (made with --checksums off). --target-url names a variable that holds the URL of another server.',
  examples: [
    'npm run backup:drill -- --env production --yes --confirm production --reason quarterly',
    'npm run backup:drill -- --env production --target-url DRILL_DATABASE_URL',
  ],
  flags: {
    from: flag.text({ value: 'ID|latest', about: 'which backup (default latest)' }),
    targetUrl: flag.text({
      value: 'VARIABLE',
      about: 'restore on the server of this variable, not beside the live database',
    }),
    jobs: flag.integer({ about: 'so many at once (default 2)', min: 1, max: 32 }),
    trust: flag.sentence({
      value: 'REASON',
      about: 'open it although no pinned signer stands for it; kept in the log',
    }),
  },
  lock: 'environment',
  onFailure: 'keep',
  async plan(ctx): Promise<DrillPlan> {
    const server = serverOf(ctx, ctx.flags.targetUrl);
    await checkDrillQueries(ctx.config.path(backupsSection.of(ctx.config).drills));
    await requireIdentity(ctx.config, ctx.environment);
    temporaryFolder();
    const scratch = named(databaseOf(server), 'drill', ctx.run);
    const { source, findings, trusted } = await openSource(ctx, ctx.flags.from ?? 'latest', ctx.flags.trust);
    const { manifest, digest, label } = source;
    if (!manifest || digest === undefined)
      throw new OpsError({
        code: 'DRILL_NEEDS_MANIFEST',
        message: 'A dump without its manifest cannot be compared with anything, and so not be proved.',
        hint: hint`Name a backup: ${command('backup:list', { env: ctx.env })}`,
        exit: EXIT.no,
      });
    const copies = ctx.flags.targetUrl ? {} : copySource(ctx.config, ctx.environment);
    const leftOut = await onServer(server, async (client) => {
      await refuseNoDatabase(client, ctx, scratch);
      return foreseeLeftOut(client, manifest, { noOwner: true, beside: true, copies });
    });
    return {
      from: label === ctx.flags.from ? label : `${manifest.env}/${manifest.id}`,
      backup: manifest.id,
      digest,
      trusted: trusted === undefined ? null : { reason: ctx.flags.trust ?? '', why: trusted },
      notes: findings,
      scratch,
      jobs: ctx.flags.jobs ?? 2,
      startedAt: new Date().toISOString(),
      leftOut,
    };
  },
  describe: ({ backup, scratch, leftOut }) => [
    `restore ${backup} into ${scratch}`,
    ...describeLeftOut(leftOut),
    'compare, ask, measure',
    'drop it, and write the result down',
  ],
  steps: (ctx, plan) => drillSteps(ctx, serverOf(ctx, ctx.flags.targetUrl), plan),
  outcome({ env }, { backup, notes }, results, steps) {
    const tried = results.of(steps.tried);
    const passed = isPassed(tried);
    return {
      verdict: passed
        ? `${backup} of ${env} was restored and proved in ${tried.rto.toFixed(1)} s (RTO); its data were ${counted(Math.round(tried.rpo), 'minute')} old (RPO).`
        : tried.faults.length > 0
          ? `${backup} of ${env} is not what it should be.`
          : `${backup} of ${env} was restored, and not proved: there was nothing to compare it with.`,
      ok: passed,
      data: { backup, ...tried },
      findings: [
        ...notes,
        ...tried.faults.map((message): Finding => ({ level: 'error', code: 'DRILL_FAILED', message })),
        ...tried.unproved.map((message): Finding => ({ level: 'error', code: 'DRILL_UNPROVED', message })),
      ],
      ...(passed ? {} : { next: command('backup:verify', { env, id: backup }) }),
    };
  },
});

/** A URL on the command line would stand in the process list with its password. */
function serverOf(
  { config, environment }: Pick<TaskContext, 'config' | 'environment'>,
  variable: string | undefined,
): Secret {
  if (!variable) return operatorUrl(config, environment);
  if (/^[A-Z][A-Z0-9_]*$/.test(variable)) return environment.secret(variable);
  throw usageError(
    'TARGET_URL_MALFORMED',
    '--target-url wants the name of a variable, not a URL: that would show its password to everybody on this machine.',
    'Put the URL into .env.ENV.local as DRILL_DATABASE_URL, and give --target-url DRILL_DATABASE_URL.',
  );
}

export default task;
await main(task, import.meta);
