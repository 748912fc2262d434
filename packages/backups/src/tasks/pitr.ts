import { defineReadTask, type Finding, flag, type Json, operatorUrl, type TaskContext, usageError } from '@drydock/kit';
import type { ServerFacts } from '../pitr/server.ts';
import { printFiles } from '../printed.ts';

const TASK = 'backup:pitr';
/** Debian 12's pgBackRest, 2.45, was made before the next one. */
const NEWEST_KNOWN_MAJOR = 15;

export const pitrTask = defineReadTask({
  name: TASK,
  summary: 'Prints the hand-over to pgBackRest: WAL archiving, and back to any moment.',
  description:
    'For a database that is too large for dumps, or may lose minutes at most (backups.pitr in drydock.config.ts). Asks the\n' +
    'server where its folders are and prints pgbackrest.conf, the lines for postgresql.conf, and the commands in their order.\n' +
    'Changes nothing: archiving is set up by whoever runs the host of the database.',
  examples: [
    'npm run backup:pitr -- --plan --env production',
    'npm run -s backup:pitr -- --plan --env production --file pgbackrest.conf > /etc/pgbackrest.conf',
    'npm run -s backup:pitr -- --plan --env production --target 2026-11-24T02:15:00Z --file commands.sh',
  ],
  flags: {
    plan: flag.boolean({ about: 'print it; there is nothing else that this task does' }),
    target: flag.text({ value: 'TIME', about: 'moment to go back to, with its zone (default: the last full hour)' }),
    timeline: flag.text({
      value: 'current|latest|N',
      about: 'history to go along (default current: that of the backup)',
    }),
    into: flag.text({ value: 'DIR', about: 'folder for the copy (default: the data folder and "-restored")' }),
    port: flag.integer({ about: "port of the copy (default: one above the server's)", min: 1, max: 65_535 }),
    file: flag.text({ value: 'NAME', about: 'print this one of the files alone' }),
  },
  writesDocument: () => true,
  async run({ config, env, environment, flags }) {
    if (!flags.plan)
      throw usageError(
        'USAGE',
        `${TASK} sets nothing up by itself: it prints what to set up.`,
        `npm run ${TASK} -- --plan --env ${env}`,
      );
    const [
      { planPitr },
      { pgbackrestConf, postgresqlConf },
      { commandsFile, pitrCommands },
      { lastFullHour, readTarget, readTimeline },
    ] = await Promise.all([
      import('../pitr/plan.ts'),
      import('../pitr/settings.ts'),
      import('../pitr/commands.ts'),
      import('../pitr/target.ts'),
    ]);
    const target = flags.target === undefined ? lastFullHour() : readTarget(flags.target);
    const timeline = readTimeline(flags.timeline ?? 'current');
    const { server, findings } = await askServer({ config, environment });
    const plan = planPitr({ config, env, environment, server, target, timeline, into: flags.into, port: flags.port });
    const commands = pitrCommands(plan);
    const files = [pgbackrestConf(plan), postgresqlConf(plan), commandsFile(plan, commands)];
    if (config.backups.pitr.repository.kind === 'posix') findings.push(REPOSITORY_ON_HOST);
    return {
      verdict: `This is how ${env} would be handed over to pgBackRest, as ${plan.stanza}; nothing was changed.`,
      data: { plan, files, commands } as unknown as Json,
      findings,
      document: printFiles(files, flags.file, TASK),
    };
  },
});

const REPOSITORY_ON_HOST: Finding = {
  level: 'warn',
  code: 'REPOSITORY_ON_HOST',
  message:
    'The repository is a folder of the host of the database, and is lost with it unless it is mounted from elsewhere.',
  hint: "Mount it, or use S3: backups.pitr.repository { kind: 's3' }",
};

/** A server that cannot be asked is no reason to print nothing: Debian's places are assumed then, and said. */
async function askServer({
  config,
  environment,
}: Pick<TaskContext, 'config' | 'environment'>): Promise<{ server: Partial<ServerFacts>; findings: Finding[] }> {
  const { isUnasked, readServer } = await import('../pitr/server.ts');
  const warn = (code: string, message: string, hint: string): Finding => ({ level: 'warn', code, message, hint });
  const hint = 'Put the right one into backups.pitr.server.dataFolder.';
  const known = config.backups.pitr.server.dataFolder !== undefined;
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
    if (major > NEWEST_KNOWN_MAJOR)
      findings.push(
        warn(
          'PGBACKREST_TOO_OLD',
          `Debian 12's pgBackRest (2.45) knows PostgreSQL up to ${NEWEST_KNOWN_MAJOR}, and the server is ${major}.`,
          'Install a newer one, from the PostgreSQL project’s own packages.',
        ),
      );
    return { server, findings };
  } catch (thrown) {
    if (!isUnasked(thrown)) throw thrown;
    const why = thrown.message.replace(/\.$/, '');
    const port = Number(URL.parse(environment.get(config.database.url) ?? '')?.port) || undefined;
    return {
      server: port === undefined ? {} : { port },
      findings: [warn('SERVER_NOT_ASKED', `${why}; Debian's folders are assumed.`, hint)],
    };
  }
}
