import { dirname } from 'node:path';
import { type PrintedFile, posixLine } from '@drydock/kit';
import type { PitrPlan } from './plan.ts';

export interface Command {
  name:
    | 'stanza-create'
    | 'check'
    | 'full'
    | 'diff'
    | 'send'
    | 'restore'
    | 'start'
    | 'wait'
    | 'stop'
    | 'in-place'
    | 'upgrade';
  /** What it does and when, for a person. */
  about: string;
  line: string;
}

/** In the order in which they are typed, by the user who runs PostgreSQL. */
export function pitrCommands(plan: PitrPlan): Command[] {
  const { target, into } = plan.restore;
  const moment = ['--type=time', `--target=${target}`, ...timelineOf(plan), '--target-action=promote'];
  const pgbackrest = (...args: string[]) =>
    posixLine(['pgbackrest', `--config=${plan.configFile}`, `--stanza=${plan.stanza}`, ...args]);
  return [
    { name: 'stanza-create', about: 'Make the repository, once.', line: pgbackrest('stanza-create') },
    { name: 'check', about: 'See a segment of WAL arrive in it.', line: pgbackrest('check') },
    { name: 'full', about: 'Back up all of it: now, and every week.', line: pgbackrest('--type=full', 'backup') },
    { name: 'diff', about: 'Back up what changed since: every night.', line: pgbackrest('--type=diff', 'backup') },
    {
      name: 'send',
      about: 'To go back, while the server still runs: send the WAL of this minute.',
      line: pgbackrest('check'),
    },
    {
      name: 'restore',
      about: `Go back to ${target}, into a folder of its own (--target TIME, --into DIR).`,
      line: pgbackrest(
        `--pg1-path=${into}`,
        ...moment,
        // The copy must not send WAL of its own into the repository of the original.
        '--archive-mode=off',
        // What lies outside of the data folder would be written over that of the original.
        ...(plan.tablespaces ? [`--tablespace-map-all=${into}-tablespaces`] : []),
        // A restore empties its spool folder: in the original's lie the acknowledgements that its WAL has arrived.
        `--spool-path=${into}-spool`,
        `--lock-path=${into}-spool`,
        'restore',
      ),
    },
    { name: 'start', about: 'Start the copy beside the original.', line: startLine(plan) },
    {
      name: 'wait',
      about: `Wait until it has come to that moment; if it never does, ${into}.log says why.`,
      line: waitLine(plan),
    },
    {
      name: 'stop',
      about: `When what was lost has been copied back: stop the copy, and remove ${into}, ${into}-spool${plan.tablespaces ? ` and ${into}-tablespaces` : ''}.`,
      line: posixLine([`${plan.server.binFolder}/pg_ctl`, '-D', into, '-m', 'fast', 'stop']),
    },
    {
      name: 'in-place',
      about: 'Or, if everything is lost: stop the server, go back in its own folder, and start it.',
      line: pgbackrest('--delta', ...moment, 'restore'),
    },
    {
      name: 'upgrade',
      about:
        'After pg_upgrade to another major version, with its folder in pgbackrest.conf: tell the repository, then back up all of it.',
      line: pgbackrest('stanza-upgrade'),
    },
  ];
}

/**
 * A restore in place begins a new timeline, and PostgreSQL goes along the newest by itself: past a moment that was left behind
 * by going back too far it would stop at the first commit that came after, and say that all is well. Along the timeline
 * of the backup it arrives, or says that it cannot. Before version 12 that is what it does without being told.
 */
function timelineOf({ server, restore: { timeline } }: PitrPlan): string[] {
  return server.major < 12 && timeline === 'current' ? [] : [`--target-timeline=${timeline}`];
}

/**
 * Without hot_standby it takes nobody in before it has come to the moment, and a copy with fewer connections than the
 * original had is no error.
 */
function startLine({ server, restore: { into, port } }: PitrPlan): string {
  const elsewhere = dirname(server.configFile) !== server.dataFolder;
  const settings = {
    // Debian keeps these outside the data folder.
    ...(elsewhere ? { config_file: server.configFile, data_directory: into, external_pid_file: '' } : {}),
    port: String(port),
    listen_addresses: 'localhost',
    unix_socket_directories: server.socketFolder,
    hot_standby: 'off',
  };
  const options = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const pgCtl = [`${server.binFolder}/pg_ctl`, '-D', into, '-l', `${into}.log`, '-w', '-t', '86400'];
  return posixLine([...pgCtl, '-o', posixLine(options), 'start']);
}

/** pg_isready ends with 1 as long as the server takes nobody in, and with 2 when it is gone. */
function waitLine({ server, restore: { port } }: PitrPlan): string {
  const ask = (...more: string[]) =>
    posixLine([`${server.binFolder}/pg_isready`, ...more, '-h', 'localhost', '-p', String(port)]);
  return `while ${ask('-q')}; [ $? = 1 ]; do sleep 1; done; ${ask()}`;
}

/** For the crontab of the user who runs PostgreSQL: all of it on Sundays, what changed on the other nights; a look at the archive each hour. */
function crontab(commands: Command[]): string[] {
  const line = (name: Command['name']) =>
    commands.find((command) => command.name === name)?.line.replaceAll('%', '\\%') ?? '';
  return [
    '',
    '# In the crontab of that user, with the same variables (check ends with an error where WAL does not arrive: cron mails it):',
    `# 30 1 * * 0 ${line('full')}`,
    `# 30 1 * * 1-6 ${line('diff')}`,
    `# 15 * * * * ${line('check')}`,
  ];
}

/** As a file that a shell reads: numbered comments and the commands below them. */
export function commandsFile({ secrets, server }: PitrPlan, commands: Command[]): PrintedFile {
  return {
    path: 'commands.sh',
    lines: [
      '# By the user who runs PostgreSQL, on its host, one at a time.',
      `# First put ${secrets.join(', ')} into the environment of PostgreSQL`,
      `# (Debian: ${dirname(server.configFile)}/environment) and of this shell. A pass: openssl rand -base64 48`,
      '# Keep it where the host is not: without it the repository cannot be opened.',
      ...commands.flatMap(({ about, line }, i) => ['', `# ${i + 1}. ${about}`, line]),
      ...crontab(commands),
    ],
  };
}
