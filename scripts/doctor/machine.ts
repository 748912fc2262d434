import { accessSync, constants, statfsSync } from 'node:fs';
import { join } from 'node:path';
import { findTool, INSTALLED, makeStateFolder, OpsError, type ToolName, toolVersion } from '@drydock/kit';

export interface Check {
  name: string;
  found: string;
  version: string;
  problem?: string;
}

const TOOLS: { tool: ToolName; flag?: string; least?: number; for: string }[] = [
  { tool: 'git', for: 'releases' },
  { tool: 'postgres', least: 14, for: 'the sandbox' },
  { tool: 'pg_dump', least: 14, for: 'backups and rehearsals' },
  { tool: 'psql', least: 14, for: 'rehearsals' },
  { tool: 'age', for: 'fast encryption of backups' },
  { tool: 'redis-server', least: 6, for: 'the sandbox' },
  { tool: 'haproxy', flag: '-v', least: 2, for: 'releases on this machine' },
  { tool: 'runsvdir', for: 'releases on this machine' },
  { tool: 'tar', least: 1, for: 'artefacts' },
  { tool: 'chromium', for: 'tests' },
  { tool: 'prometheus', least: 2, for: 'tests' },
  { tool: 'promtool', least: 2, for: 'tests' },
  { tool: 'amtool', for: 'tests' },
  { tool: 'gh', for: 'tests, and to ask GitHub for checks' },
  { tool: 'pgbackrest', flag: 'version', for: 'tests' },
];
/** What a product that has the toolkit installed does not have. */
const FOR_CHECKOUT = new Set(['tests', 'the sandbox']);
const LEAST_FREE_GIB = 2;

/** This machine, whatever it is for. `state`: a product is here, whose state has to be written. */
export function machineChecks(root: string, { state: hasState }: { state: boolean }): Check[] {
  return [
    node(),
    ...TOOLS.filter(({ for: purpose }) => !INSTALLED || !FOR_CHECKOUT.has(purpose)).map(tool),
    ...(hasState ? [state(root)] : []),
    disk(root),
  ];
}

function node(): Check {
  const { node: version } = process.versions;
  const old = !INSTALLED && Number(version.split('.')[0]) < 24;
  return {
    name: 'node',
    found: process.execPath,
    version,
    ...(old
      ? { problem: `Node ${version} runs this; tasks need 24. Start them through npm run, which finds the pinned one.` }
      : {}),
  };
}

function tool({ tool: name, flag, least = 0, for: purpose }: (typeof TOOLS)[number]): Check {
  const found = findTool(name);
  if (!found) return { name, found: '', version: '', problem: `${name} is missing; ${purpose} need it.` };
  const version = toolVersion(found, flag) ?? 'unknown';
  const tooOld = Number.parseInt(version, 10) < least;
  return {
    name,
    found,
    version,
    ...(tooOld ? { problem: `${name} ${version} is too old; ${purpose} need ${least} or later.` } : {}),
  };
}

function state(root: string): Check {
  let folder = join(root, '.drydock');
  try {
    folder = makeStateFolder(root);
    accessSync(folder, constants.W_OK);
    return { name: 'state folder', found: folder, version: '' };
  } catch (cause) {
    return {
      name: 'state folder',
      found: folder,
      version: '',
      problem:
        cause instanceof OpsError
          ? cause.message
          : `${folder} cannot be written (${(cause as NodeJS.ErrnoException).code}).`,
    };
  }
}

function disk(root: string): Check {
  const { bavail, bsize } = statfsSync(root);
  const gib = (bavail * bsize) / 2 ** 30;
  return {
    name: 'free disk',
    found: root,
    version: `${gib.toFixed(1)} GiB`,
    ...(gib < LEAST_FREE_GIB
      ? { problem: `Only ${gib.toFixed(1)} GiB are free; the sandbox wants ${LEAST_FREE_GIB}.` }
      : {}),
  };
}
