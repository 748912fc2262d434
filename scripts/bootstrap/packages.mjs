import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findTool } from '../../packages/kit/src/process/tools.mjs';
import {
  environment,
  hash,
  manifests,
  ROOT,
  readStamp,
  refuseUnwritable,
  SetupError,
  say,
  writeStamp,
} from './setup.mjs';
import { inTurn } from './turn.mjs';

/** The packages of the lockfile, again when it has changed. */
export function installPackages() {
  once(isInstalled, install);
}

/** The database client is made from the schema, and made again when the schema or Prisma changed. */
export function generateClient() {
  once(isGenerated, generate);
}

function once(isDone, work) {
  if (isDone()) return;
  refuseUnwritable();
  // Another may have done it meanwhile.
  inTurn(() => isDone() || work());
}

const PACKAGES = () => hash(['pnpm-lock.yaml', 'pnpm-workspace.yaml', 'package.json', ...manifests()]);
const CLIENT = () => hash(['prisma/schema.prisma', 'pnpm-lock.yaml']);

function isInstalled() {
  return readStamp().packages === PACKAGES() && existsSync(join(ROOT, 'node_modules', '.bin', 'tsc'));
}

function isGenerated() {
  return readStamp().client === CLIENT() && existsSync(join(ROOT, 'packages/marketplace/generated/prisma/client.ts'));
}

/** Whatever the folder is called: of an option pnpm replaces what looks like a variable, `${USER}`. */
const INSTALL = 'cd -- "$DRYDOCK_CHECKOUT" && exec pnpm install --frozen-lockfile --reporter=append-only';

/** pnpm from the lockfile's own version, fetched from elsewhere: here npx would take the copy it is about to replace. */
function install() {
  const { packageManager } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  const [program, ...args] = runnerOf(packageManager);
  say(`Installing packages with ${packageManager}`);
  const result = spawnSync(program, args, {
    cwd: tmpdir(),
    stdio: ['ignore', 'pipe', 'pipe'],
    encoding: 'utf8',
    env: { ...environment(), CI: 'true', DRYDOCK_CHECKOUT: ROOT },
    maxBuffer: 64 * 1024 * 1024,
  });
  if (result.status !== 0) {
    const why =
      causeIn(`${result.stdout ?? ''}\n${result.stderr ?? ''}`) ?? result.error?.message ?? `${program} failed`;
    throw new SetupError(`Packages could not be installed: ${why}${adviceOn(why)}`);
  }
  writeStamp({ packages: PACKAGES() });
}

/** npm's npx, or where there is no npm, the pnpm that is there. With the package by an option: otherwise npm 9 wants a folder of global packages. */
function runnerOf(packageManager) {
  const npx = findTool('npx');
  if (npx) return [npx, '--yes', `--package=${packageManager}`, '-c', INSTALL];
  const pnpm = findTool('pnpm');
  if (pnpm) return [pnpm, `--package=${packageManager}`, '-c', 'dlx', INSTALL];
  throw new SetupError('Neither npx (of npm) nor pnpm is on PATH, and one of them fetches the packages. Install npm.');
}

/** The cause comes first: npm's and pnpm's own first line of an error, without what is said around it. */
export function causeIn(output) {
  const lines = output.split('\n').map((line) => line.trim());
  const npm = lines
    .map((line) => /^npm (?:error|ERR!) (.+)$/.exec(line)?.[1]?.trim())
    .filter(
      (text) => text !== undefined && text !== '' && !/^(errno|syscall|A complete log|path|dest|at) ?/.test(text),
    );
  const code = /^code (\S+)$/.exec(npm[0] ?? '')?.[1];
  const said = npm.find((text) => !text.startsWith('code '));
  if (npm.length > 0) return [code, said].filter(Boolean).join(': ');
  const pnpm = lines.find((line) => /\bERR_PNPM_\w+/.test(line));
  return (
    pnpm?.replace(/^.*?(ERR_PNPM_\w+)\s*/, '$1: ') ?? lines.filter(Boolean).find((line) => /error|failed/i.test(line))
  );
}

function adviceOn(why) {
  const ends = /[.!?]$/.test(why) ? '' : '.';
  if (/ENOSPC|no space left/i.test(why)) return `${ends} Free disk space, and run it again.`;
  if (/EACCES|EPERM|EROFS/.test(why)) return `${ends} Make that writable for you, and run it again.`;
  if (/ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|FETCH|META_FETCH|network|certificate/i.test(why))
    return `${ends} Is the npm registry reachable (npm config get registry)? Then run it again.`;
  return `${ends} Then run it again.`;
}

function generate() {
  say('Generating the database client');
  const result = spawnSync(join(ROOT, 'node_modules', '.bin', 'prisma'), ['generate'], {
    cwd: ROOT,
    encoding: 'utf8',
    env: environment(),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  if (result.status !== 0)
    throw new SetupError(
      `prisma generate failed: ${(result.stderr || result.stdout || String(result.error)).trim().split('\n').at(-1)}`,
    );
  writeStamp({ client: CLIENT() });
}
