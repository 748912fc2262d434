import { type PrintedFile, posixLine } from '@drydock/kit';
import type { PitrPlan } from './plan.ts';

/** pgbackrest.conf: nothing in it is secret. */
export function pgbackrestConf(plan: PitrPlan): PrintedFile {
  const { stanza, server, folders } = plan;
  const global: [string, string | number][] = [
    ...plan.repository,
    // The thousand small files of a cluster become few.
    ['repo1-bundle', 'y'],
    ['repo1-cipher-type', 'aes-256-cbc'],
    ['repo1-retention-full-type', 'time'],
    ['repo1-retention-full', plan.days],
    ['compress-type', 'zst'],
    ['compress-level', plan.compressionLevel],
    ['process-max', plan.processes],
    ['start-fast', 'y'],
    ['archive-async', 'y'],
    ...(plan.queueGiB === undefined
      ? []
      : ([['archive-push-queue-max', `${plan.queueGiB}GiB`]] satisfies [string, string][])),
    ['spool-path', folders.spool],
    ['log-path', folders.log],
    ['lock-path', folders.lock],
  ];
  const cluster: [string, string | number][] = [
    ['pg1-path', server.dataFolder],
    ['pg1-port', server.port],
    ...(server.socketFolder ? ([['pg1-socket-path', server.socketFolder]] satisfies [string, string][]) : []),
    ...(server.user ? ([['pg1-user', server.user]] satisfies [string, string][]) : []),
  ];
  return {
    path: plan.configFile,
    lines: [
      `# pgBackRest of ${stanza}. Not here, but in the environment of PostgreSQL and of whoever runs pgbackrest:`,
      `# ${plan.secrets.join(', ')}.`,
      ...(plan.assumed
        ? ["# Nobody could say where the data lies: pg1-path is Debian's own place, to be checked."]
        : []),
      '[global]',
      ...global.map(assignment),
      '',
      `[${stanza}]`,
      ...cluster.map(assignment),
    ],
  };
}

const assignment = ([name, value]: [string, string | number]) => `${name}=${value}`;

/** What the server needs to send its WAL away (PostgreSQL manual, 26.3.1 "Setting Up WAL Archiving"). */
export function postgresqlConf({ configFile, stanza, server, archiveTimeout }: PitrPlan): PrintedFile {
  const push = posixLine(['pgbackrest', `--config=${configFile}`, `--stanza=${stanza}`, 'archive-push']);
  const settings = {
    wal_level: server.walLevel === 'minimal' ? 'replica' : server.walLevel,
    archive_mode: 'on',
    // PostgreSQL puts the segment's path in place of %p.
    archive_command: `${push.replaceAll('%', '%%')} "%p"`,
    archive_timeout: String(archiveTimeout),
  };
  return {
    path: 'postgresql.conf',
    lines: [
      `# To the end of ${server.configFile}; then restart PostgreSQL.`,
      ...Object.entries(settings).map(([name, value]) => `${name} = '${value.replaceAll("'", "''")}'`),
    ],
  };
}
