import { linesOf, type PrintedFile, searchPath, systemdItem, systemdText, systemdWord } from '@drydock/kit';
import { calendarOf } from './calendar.ts';
import type { Job } from './jobs.ts';

export interface SystemdPlace {
  /** Where the toolkit lies on the host. */
  folder: string;
  /** Folders it must be able to write. */
  writable: string[];
  /** Folder of the files with secrets. */
  secrets: string;
  user: string;
  timeZone: string;
  /** Minutes. */
  margin: number;
  max: number;
}

const UNITS = '/etc/systemd/system';

/** A service and a timer for each job. */
export function systemdUnits(jobs: Job[], place: SystemdPlace): PrintedFile[] {
  return jobs.flatMap((job) => [
    { path: `${UNITS}/${job.name}.service`, lines: service(job, place) },
    { path: `${UNITS}/${job.name}.timer`, lines: timer(job, place) },
  ]);
}

function service({ name, about, command, variables }: Job, place: SystemdPlace): string[] {
  const { folder, writable, secrets, user, max } = place;
  const [program = '', ...args] = command;
  const start = program === 'node' ? [`${folder}/node_modules/.bin/node`, ...args] : ['/usr/bin/env', ...command];
  return linesOf`[Unit]
Description=${name}: ${systemdText(about)}
Wants=network-online.target
After=network-online.target

[Service]
Type=oneshot
User=${user}
WorkingDirectory=${systemdText(folder)}
# Readable for root alone; it sets ${variables.join(', ')}.
EnvironmentFile=${systemdText(`${secrets}/${name}.env`)}
Environment=${systemdItem(`PATH=${searchPath(folder)}`)}
ExecStart=${start.map(systemdWord).join(' ')}
TimeoutStartSec=${max}min
UMask=0077
NoNewPrivileges=true
PrivateTmp=true
PrivateDevices=true
ProtectSystem=strict
ProtectHome=read-only
ReadWritePaths=${writable.map((path) => systemdItem(`-${path}`)).join(' ')}
ProtectKernelTunables=true
ProtectKernelModules=true
ProtectKernelLogs=true
ProtectControlGroups=true
ProtectClock=true
ProtectHostname=true
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
RestrictNamespaces=true
RestrictRealtime=true
RestrictSUIDSGID=true
LockPersonality=true
SystemCallArchitectures=native
CapabilityBoundingSet=
# Not MemoryDenyWriteExecute: V8 compiles while it runs.
`;
}

/** So many minutes late at most, in which hosts that begin at once spread; well within what counts as missed. */
const SPREAD = 5;

function timer({ name, cron }: Job, { timeZone, margin }: SystemdPlace): string[] {
  return [
    ...linesOf`[Unit]
Description=${name}: ${cron} (${timeZone})

[Timer]`,
    ...calendarOf(cron, timeZone).map((value) => `OnCalendar=${value}`),
    ...linesOf`# A run that was missed while the host was down is made up for.
Persistent=true
RandomizedDelaySec=${Math.min(SPREAD * 60, margin * 30)}s

[Install]
WantedBy=timers.target
`,
  ];
}
