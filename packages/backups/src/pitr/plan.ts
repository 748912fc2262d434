import { type Environment, type EnvName, type LoadedConfig, slugOf } from '@drydock/kit';
import { backupsSection } from '../config/backups.ts';
import { repositoryOptions, repositorySecrets } from './repository.ts';
import { assumedServer, type ServerFacts } from './server.ts';

/** Everything that is printed, as data. Paths are of the database's host. */
export interface PitrPlan {
  /** pgBackRest's name for one cluster: `shop-production`. */
  stanza: string;
  configFile: string;
  repository: [name: string, value: string][];
  /** Names of variables that must be set where pgBackRest runs, PostgreSQL included. */
  secrets: string[];
  server: Required<Omit<ServerFacts, 'archiveCommand' | 'tablespaces' | 'failing'>> & { user: string | undefined };
  /** Some of it lies outside of the data folder, or nobody could say. */
  tablespaces: boolean;
  /** So much WAL may wait to be sent before it is thrown away; undefined: all. */
  queueGiB: number | undefined;
  /** Nobody said where the data lies: it is Debian's own place. */
  assumed: boolean;
  days: number;
  compressionLevel: number;
  processes: number;
  folders: { log: string; spool: string; lock: string };
  /** A segment of WAL is closed after this many seconds, full or not. */
  archiveTimeout: number;
  /** To go back to; `into` and `port` are of the copy. */
  restore: { target: string; timeline: string; into: string; port: number };
}

export interface PitrInput {
  config: LoadedConfig;
  env: EnvName;
  environment: Environment;
  /** What could be asked of the server. */
  server: Partial<ServerFacts>;
  target: string;
  /** `current`: that of the backup from which it goes on; `latest`, or a number. */
  timeline: string;
  into: string | undefined;
  port: number | undefined;
}

export function planPitr({
  config,
  env,
  environment,
  server: said,
  target,
  timeline,
  into,
  port,
}: PitrInput): PitrPlan {
  const { pitr } = backupsSection.of(config);
  const { user, dataFolder, socketFolder } = pitr.server;
  const assumed = assumedServer(said.major);
  const server = {
    major: said.major ?? assumed.major,
    port: said.port ?? assumed.port,
    dataFolder: dataFolder ?? said.dataFolder ?? assumed.dataFolder,
    binFolder: said.binFolder ?? assumed.binFolder,
    configFile: said.configFile ?? assumed.configFile,
    socketFolder: socketFolder ?? said.socketFolder ?? assumed.socketFolder,
    walLevel: said.walLevel ?? assumed.walLevel,
    user,
  };
  return {
    stanza: `${slugOf(config.product)}-${env}`,
    configFile: pitr.configFile,
    repository: repositoryOptions(config, environment),
    secrets: repositorySecrets(config),
    server,
    assumed: (dataFolder ?? said.dataFolder) === undefined,
    tablespaces: said.tablespaces !== 0,
    queueGiB: pitr.queueGiB,
    days: pitr.days,
    compressionLevel: pitr.compressionLevel,
    processes: pitr.processes,
    folders: { log: pitr.logFolder, spool: pitr.spoolFolder, lock: pitr.lockFolder },
    // Half of the RPO: the other half is for the segment's way into the repository.
    archiveTimeout: Math.max(1, Math.floor((pitr.rpoMinutes * 60) / 2)),
    restore: { target, timeline, into: into ?? `${server.dataFolder}-restored`, port: port ?? server.port + 1 },
  };
}
