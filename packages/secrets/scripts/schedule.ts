#!/usr/bin/env node
import { userInfo } from 'node:os';
import { isAbsolute, resolve } from 'node:path';
import { defineReadTask, flag, homeOf, type Json, main, printFiles, usageError, written } from '@drydock/kit';
import { cronFile, systemdFiles } from '../src/schedule.ts';

const TASK = 'secrets:schedule';

const task = defineReadTask({
  name: TASK,
  summary:
    'Prints what goes on, once a day, with rotations whose old secret has settled: a systemd timer, or a line for cron.',
  description:
    'Prints only; alone on stdout, for a file or a pipe. Whoever runs it needs a key of the team (secrets.team.identity) and the env files.',
  examples: [
    '( crontab -l; npm run -s secrets:schedule -- --format cron --env production ) | crontab -',
    'npm run -s secrets:schedule -- --format systemd --env production --file shop-secrets-production.timer',
  ],
  flags: {
    format: {
      ...flag.choice(['cron', 'systemd'], { about: 'a crontab line, or a service and a timer' }),
      required: true,
    },
    at: flag.text({ value: 'HH:MM', about: 'time of day, of that host (default: 04:17)' }),
    user: flag.text({ value: 'NAME', about: 'systemd: who goes on (default: you)' }),
    folder: flag.text({ value: 'DIR', about: 'where the toolkit lies on that host (default: as here)' }),
    file: flag.text({ value: 'NAME', about: 'print this one of several files alone' }),
  },
  writesDocument: () => true,
  async run({ config, env, flags }) {
    const [hour, minute] = timeOf(flags.at ?? '04:17');
    const schedule = {
      env,
      folder: wholePath(flags.folder) ?? homeOf(config),
      user: flags.user ?? userInfo().username,
      hour,
      minute,
    };
    const files = written(flags.format === 'cron' ? [cronFile(config, schedule)] : systemdFiles(config, schedule));
    return {
      verdict: `What goes on with rotations of ${env}; nothing was changed.`,
      data: { files } as unknown as Json,
      document: printFiles(files, flags.file, TASK),
    };
  },
});

function wholePath(folder: string | undefined): string | undefined {
  if (folder === undefined || isAbsolute(folder)) return folder && resolve(folder);
  throw usageError('USAGE', `--folder must be a whole path, not "${folder}".`, 'For example: --folder /srv/drydock');
}

function timeOf(text: string): [hour: number, minute: number] {
  const [, hour, minute] = /^([01]?\d|2[0-3]):([0-5]\d)$/.exec(text) ?? [];
  if (hour !== undefined && minute !== undefined) return [Number(hour), Number(minute)];
  throw usageError('USAGE', `--at must be a time of day, not "${text}".`, 'For example: --at 04:17');
}

export default task;
await main(task, import.meta);
