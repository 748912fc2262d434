import { posixLine, systemdItem, systemdWord } from '@drydock/kit';

interface Unit {
  product: string;
  /** The supervisor's folder. */
  services: string;
  /** Whom it belongs to: versions run as this user. */
  user: string;
  /** What keeps it. */
  command: readonly string[];
}

/** A systemd unit that keeps the supervisor of a host, with what it is for. */
export function supervisorUnit({ product, services, user, command }: Unit): { name: string; text: string } {
  return {
    name: `drydock-${product}.service`,
    text: `# Keeps what keeps the versions of ${product}: starts it at boot, and again when it ends.
# Written by release:units. Without systemd, a line of cron does it at boot:
#   @reboot ${posixLine([...command])}
[Unit]
Description=Released versions of ${product}
After=network-online.target
Wants=network-online.target
RequiresMountsFor=${systemdItem(services)}

[Service]
Type=exec
User=${user}
ExecStart=${command.map(systemdWord).join(' ')}
Restart=always
RestartSec=1
# What it keeps goes on while it is away. Told to stop, it ends all of that in order, and says 111.
KillMode=process
KillSignal=SIGHUP
SuccessExitStatus=111

[Install]
WantedBy=multi-user.target
`,
  };
}
