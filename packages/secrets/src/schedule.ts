import {
  configFile,
  cronCommand,
  environmentSettings,
  type LoadedConfig,
  linesOf,
  type PrintedFile,
  searchPath,
  slugOf,
  systemdItem,
  systemdText,
  systemdWord,
  taskWords,
} from '@drydock/kit';

export interface Schedule {
  env: string;
  /** Where the toolkit lies on that host. */
  folder: string;
  user: string;
  hour: number;
  minute: number;
}

const UNITS = '/etc/systemd/system';

/** Goes on, once a day, with every rotation that has settled. A run that finds nothing changes nothing. */
export function goOnCommand(config: LoadedConfig, { env, folder }: Pick<Schedule, 'env' | 'folder'>): string[] {
  const { guard } = environmentSettings(config, env);
  const confirm = guard === 'confirm' ? ['--confirm', env, '--reason', 'scheduled'] : [];
  const file = configFile(config, folder);
  const where = ['--continue', '--env', env, ...(file ? ['--config', file] : [])];
  return taskWords('secrets:rotate', [...where, '--yes', '--lock-wait', '10m', ...confirm], { quiet: true });
}

export function systemdFiles(config: LoadedConfig, { env, folder, user, hour, minute }: Schedule): PrintedFile[] {
  const name = `${slugOf(config.product)}-secrets-${env}`;
  const at = `${String(hour).padStart(2, '0')}:${String(minute).padStart(2, '0')}`;
  return [
    {
      path: `${UNITS}/${name}.service`,
      lines: linesOf`[Unit]
Description=${name}: ends the old secrets of rotations that have settled
Wants=network-online.target
After=network-online.target

[Service]
Type=oneshot
User=${user}
WorkingDirectory=${systemdText(folder)}
Environment=${systemdItem(`PATH=${searchPath(folder)}`)}
ExecStart=/usr/bin/env ${goOnCommand(config, { env, folder }).map(systemdWord).join(' ')}
TimeoutStartSec=1h
UMask=0077
NoNewPrivileges=true
`,
    },
    {
      path: `${UNITS}/${name}.timer`,
      lines: linesOf`[Unit]
Description=${name}: every day at ${at}

[Timer]
OnCalendar=*-*-* ${at}:00
# A run that was missed while the host was down is made up for.
Persistent=true
RandomizedDelaySec=5min

[Install]
WantedBy=timers.target
`,
    },
  ];
}

export function cronFile(config: LoadedConfig, { env, folder, hour, minute }: Schedule): PrintedFile {
  return {
    path: 'crontab',
    lines: [
      `# ${slugOf(config.product)}, ${env}: ends the old secrets of rotations that have settled.`,
      `${minute} ${hour} * * * ${cronCommand(folder, goOnCommand(config, { env, folder }))}`,
    ],
  };
}
