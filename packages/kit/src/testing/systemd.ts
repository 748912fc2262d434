import { spawnSync } from 'node:child_process';

const PROGRAM = 'systemd-analyze';

/** systemd's own reader of units and calendar events; not on every system. */
export function systemdAnalyze(...args: string[]) {
  return spawnSync(PROGRAM, args, { encoding: 'utf8', env: { ...process.env, TZ: 'UTC', LC_ALL: 'C' } });
}

export const hasSystemd = () => systemdAnalyze('--version').status === 0;
