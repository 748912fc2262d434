import { OpsError } from '../errors.ts';
import { INSTALLED } from '../toolkit.ts';
import { findTool, type ToolName } from './tools.mjs';

/** Path of an executable that a task cannot do without (exit 2). */
export function requireTool(name: ToolName): string {
  const path = findTool(name);
  if (path) return path;
  throw new OpsError({
    code: 'TOOL_MISSING',
    message: `${name} is not installed on this machine.`,
    hint: INSTALLED
      ? `Install it; on Debian and Ubuntu, for example: sudo apt-get install ${packageOf(name)}`
      : 'Install what is missing: npm run prepare-machine',
    exit: 2,
  });
}

/** Of Debian, where it is not called what its program is. */
const PACKAGES: Partial<Record<ToolName, string>> = {
  postgres: 'postgresql',
  initdb: 'postgresql',
  pg_dump: 'postgresql-client',
  pg_dumpall: 'postgresql-client',
  pg_restore: 'postgresql-client',
  psql: 'postgresql-client',
  runsvdir: 'runit',
  promtool: 'prometheus',
  amtool: 'prometheus-alertmanager',
  alertmanager: 'prometheus-alertmanager',
  dockerd: 'docker.io',
  ip: 'iproute2',
};

function packageOf(name: ToolName): string {
  return PACKAGES[name] ?? name;
}
