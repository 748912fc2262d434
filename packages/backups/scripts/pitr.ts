#!/usr/bin/env node
import {
  command,
  defineReadTask,
  type Finding,
  flag,
  type Json,
  main,
  printFiles,
  usageError,
  written,
} from '@drydock/kit';
import { backupsSection } from '../src/config/backups.ts';

const TASK = 'backup:pitr';

const task = defineReadTask({
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
        command('backup:pitr', { env, plan: true }),
      );
    const [
      { planPitr },
      { pgbackrestConf, postgresqlConf },
      { commandsFile, pitrCommands },
      { lastFullHour, readTarget, readTimeline },
      { askServer },
    ] = await Promise.all([
      import('../src/pitr/plan.ts'),
      import('../src/pitr/settings.ts'),
      import('../src/pitr/commands.ts'),
      import('../src/pitr/target.ts'),
      import('../src/pitr/ask.ts'),
    ]);
    const target = flags.target === undefined ? lastFullHour() : readTarget(flags.target);
    const timeline = readTimeline(flags.timeline ?? 'current');
    const { server, findings } = await askServer({ config, environment });
    const plan = planPitr({ config, env, environment, server, target, timeline, into: flags.into, port: flags.port });
    const commands = pitrCommands(plan);
    const files = written([pgbackrestConf(plan), postgresqlConf(plan), commandsFile(plan, commands)]);
    if (backupsSection.of(config).pitr.repository.kind === 'posix') findings.push(REPOSITORY_ON_HOST);
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

export default task;
await main(task, import.meta);
