import { databaseSection, type Finding, operatorUrl, type TaskContext } from '@drydock/kit';
import { backupsSection } from '../config/backups.ts';
import { isUnasked, readServer, type ServerFacts } from './server.ts';

/** Debian 12's pgBackRest, 2.45, was made before the next one. */
const NEWEST_KNOWN_MAJOR = 15;

export function tooOld(major: number): Finding[] {
  if (major <= NEWEST_KNOWN_MAJOR) return [];
  return [
    {
      level: 'warn',
      code: 'PGBACKREST_TOO_OLD',
      message: `Debian 12's pgBackRest (2.45) knows PostgreSQL up to ${NEWEST_KNOWN_MAJOR}, and the server is ${major}.`,
      hint: 'Install a newer one, from the PostgreSQL project’s own packages.',
    },
  ];
}

/** A server that cannot be asked is no reason to print nothing: Debian's places are assumed then, and said. */
export async function askServer({
  config,
  environment,
}: Pick<TaskContext, 'config' | 'environment'>): Promise<{ server: Partial<ServerFacts>; findings: Finding[] }> {
  const warn = (code: string, message: string, hint: string): Finding => ({ level: 'warn', code, message, hint });
  const hint = 'Put the right one into backups.pitr.server.dataFolder.';
  const known = backupsSection.of(config).pitr.server.dataFolder !== undefined;
  try {
    const server = await readServer(operatorUrl(config, environment));
    const { major, archiveCommand, dataFolder } = server;
    const findings: Finding[] = [];
    if (dataFolder === undefined && !known)
      findings.push(
        warn('FOLDER_ASSUMED', "This role may not see where the data lies; Debian's folder is assumed.", hint),
      );
    if (archiveCommand && !archiveCommand.includes('pgbackrest'))
      findings.push(
        warn(
          'ARCHIVING_TAKEN',
          `WAL is archived already, by: ${archiveCommand}`,
          'Only one can archive: what restores from that archive must be moved as well.',
        ),
      );
    if (server.failing)
      findings.push(
        warn(
          'ARCHIVING_FAILS',
          `WAL is not archived: ${server.failing.segment} could not be sent at ${server.failing.since}, and nothing since. It stays on the server until its disk is full.`,
          "The server's log says why; pgbackrest check tries it.",
        ),
      );
    findings.push(...tooOld(major));
    return { server, findings };
  } catch (thrown) {
    if (!isUnasked(thrown)) throw thrown;
    const why = thrown.message.replace(/\.$/, '');
    const port = Number(URL.parse(environment.get(databaseSection.of(config).url) ?? '')?.port) || undefined;
    return {
      server: port === undefined ? {} : { port },
      findings: [warn('SERVER_NOT_ASKED', `${why}; Debian's folders are assumed.`, hint)],
    };
  }
}
