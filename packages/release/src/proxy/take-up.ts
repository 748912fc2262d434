import { existsSync, readFileSync, readlinkSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { argumentsOf, posixLine, runningProcesses } from '@drydock/kit';

/** Where a Debian's own unit looks. */
const OF_UNIT = '/etc/haproxy/haproxy.cfg';

/** What makes HAProxy take up a config that was written: by the unit that runs it, by hand where it was started by hand, or what starts it. */
export function takeUp(file: string): string {
  const running = haproxiesOf(file);
  // A master is the parent of its workers.
  const first = running.find(({ parent }) => !running.some(({ pid }) => pid === parent));
  if (first === undefined)
    return file === OF_UNIT && existsSync('/run/systemd/system')
      ? 'systemctl reload-or-restart haproxy'
      : posixLine(['haproxy', '-W', '-D', '-p', join(dirname(file), 'haproxy.pid'), '-f', file]);
  const unit = unitOf(first.pid);
  if (unit !== undefined) return posixLine(['systemctl', 'reload', unit]);
  // The management guide of HAProxy, 4: a master obeys SIGUSR2; one without workers is replaced.
  if (first.args.some((arg) => /^-Ws?$/.test(arg))) return `kill -USR2 ${first.pid}`;
  return posixLine([...first.args, '-sf', String(first.pid)]);
}

interface Haproxy {
  pid: number;
  parent: number;
  args: string[];
}

function haproxiesOf(file: string): Haproxy[] {
  return runningProcesses().flatMap(({ pid, parent }) => {
    const args = argumentsOf(pid);
    const named = args.flatMap((arg, i) => (args[i - 1] === '-f' ? [arg] : []));
    if (basename(args[0] ?? '') !== 'haproxy' || named.length === 0) return [];
    const folder = folderOf(pid);
    return named.some((name) => resolve(folder, name) === file) ? [{ pid, parent, args }] : [];
  });
}

function folderOf(pid: number): string {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    // Another user's, or it has ended: a whole path needs none.
    return '/';
  }
}

/** systemd keeps a group of processes for each unit. */
function unitOf(pid: number): string | undefined {
  try {
    return /\/([^/\n]+\.service)$/m.exec(readFileSync(`/proc/${pid}/cgroup`, 'utf8'))?.[1];
  } catch {
    // It has ended.
    return undefined;
  }
}
