// Uses everything: clones of this repository, in which newcomers of many kinds type npm start. With --thorough all of them.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { formatDuration } from '@drydock/kit';
import { THOROUGH } from '@drydock/kit/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { CELLS, type Cell } from './first-contact/cells.ts';
import { installVersions, type Versions } from './first-contact/versions.ts';

const test = suite('first contact');
const ROOT = join(import.meta.dirname, '../..');
/** An ordinary user of every Debian, and one who has no name. */
const USERS = { root: 0, ordinary: 65_534, nameless: 54_321 };
const PATIENCE_MS = 15 * 60_000;
const only = process.env.FIRST_CONTACT;
const cells = CELLS.filter(({ name, sample }) => (only ? name.includes(only) : THOROUGH || sample));
const isRoot = process.getuid?.() === 0 && process.platform === 'linux';
const bed = mkdtempSync(join(process.env.DRYDOCK_TEST_ROOT ?? tmpdir(), 'first-'));
const rows: string[] = [];
let versions: Versions;

test.before(() => {
  chmodSync(bed, 0o755);
  versions = installVersions(join(bed, 'versions'), {
    nodes: cells.flatMap(({ node }) => node ?? []),
    managers: cells.flatMap(({ manager }) => manager ?? []),
  });
});
test.after(() => {
  rmSync(bed, { recursive: true, force: true });
  process.stdout.write(`\n${rows.join('\n')}\n`);
});

interface Newcomer {
  folder: string;
  run(line: string): Promise<{ code: number | null; said: string }>;
}

/** A clone of the commit, as this newcomer has it. */
function arrive({ folder, prepare, user = 'root', ...cell }: Cell): Newcomer {
  const place = mkdtempSync(join(bed, 'p-'));
  chmodSync(place, 0o755);
  const room = 200 - Buffer.byteLength(place) - 1;
  const clone = join(place, folder.replace('{long}', 'x'.repeat(Math.max(room, 8))));
  mkdirSync(dirname(clone), { recursive: true });
  execFileSync('git', ['clone', '-q', ROOT, clone]);
  const git = (...args: string[]) => execFileSync('git', args, { cwd: clone, stdio: 'pipe' });
  git('checkout', '-q', '-B', 'main');
  git('update-ref', 'refs/remotes/origin/main', 'HEAD');
  if (prepare === 'without git') rmSync(join(clone, '.git'), { recursive: true });
  const link = join(place, 'link');
  if (prepare === 'through a link') symlinkSync(clone, link);
  const home = join(place, 'home of mine');
  mkdirSync(home);
  const uid = String(USERS[user]);
  if (user !== 'root')
    execFileSync('chown', ['-R', `${uid}:${uid}`, home, ...(prepare === 'of another user' ? [] : [place])]);
  const at = prepare === 'through a link' ? link : clone;
  return {
    folder: at,
    run: (line) => asThem(line, { at, home, uid, readOnly: prepare === 'read-only', user, ...cell }),
  };
}

interface Them extends Omit<Cell, 'name' | 'folder' | 'prepare'> {
  at: string;
  home: string;
  uid: string;
  readOnly: boolean;
}

/** In a shell of theirs: their PATH, home, mask and limits, and nothing else of ours. */
async function asThem(line: string, them: Them): Promise<{ code: number | null; said: string }> {
  const { at, home, uid, readOnly, user, umask = '022', files = 4_096, node = '24', manager, env = {} } = them;
  const own = [versions.node(node), ...(manager ? [versions.manager(manager)] : [])];
  const registry = execFileSync('npm', ['config', 'get', 'registry'], { encoding: 'utf8' }).trim();
  const path = [...own, '/usr/local/bin', '/usr/bin', '/bin'].join(':');
  const script = [
    ...(readOnly ? [`mount --bind "$AT" "$AT"`, `mount -o remount,bind,ro "$AT"`] : []),
    `umask ${umask}`,
    `ulimit -n ${files}`,
    'cd -- "$AT"',
    `exec ${user === 'root' ? '' : `setpriv --reuid=${uid} --regid=${uid} --clear-groups `}/bin/sh -c ${JSON.stringify(line)}`,
  ].join(' && ');
  const shell = { ...process.env, ...env };
  const words = ['/bin/sh', '-c', script];
  const [program = '', ...args] = readOnly ? ['unshare', '-m', ...words] : words;
  const child = spawn(program, args, {
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      PATH: path,
      // Root's own home has what was fetched before.
      HOME: user === 'root' ? process.env.HOME : home,
      AT: at,
      CI: 'true',
      npm_config_registry: registry,
      npm_config_update_notifier: 'false',
      ...Object.fromEntries(
        ['NODE_EXTRA_CA_CERTS', 'SSL_CERT_FILE', 'SSL_CERT_DIR'].map((name) => [name, shell[name]]),
      ),
      ...env,
    },
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (said += chunk));
  const late = setTimeout(() => child.pid && process.kill(-child.pid, 'SIGKILL'), PATIENCE_MS);
  const [code] = (await once(child, 'close')) as [number | null];
  clearTimeout(late);
  return { code, said };
}

/** npm's and pnpm's own words around a script are theirs. */
function sentencesIn(said: string): string[] {
  const theirs = /^(>|\$|npm |[ \t]*ELIFECYCLE|\[ELIFECYCLE|Installing packages|Generating|→|✔|✖ sandbox$)/;
  return said.split('\n').filter((line) => line.trim() !== '' && !theirs.test(line.trim()));
}

for (const cell of cells) {
  const { name, manager, says, user = 'root' } = cell;
  const can = isRoot || (user === 'root' && cell.prepare !== 'read-only');
  (can ? test : test.skip)(`${name}: ${says ? 'one sentence' : 'comes up'}`, async () => {
    const began = performance.now();
    const { run, folder } = arrive(cell);
    const program = manager?.startsWith('pnpm') ? 'pnpm' : manager?.startsWith('yarn') ? 'yarn' : 'npm';
    try {
      const { code, said } = await run(`${program} start`);
      rows.push(
        [
          name.padEnd(46),
          String(code).padEnd(5),
          formatDuration(performance.now() - began),
          (sentencesIn(said).at(says ? 0 : -2) ?? '').slice(0, 100),
        ].join(' '),
      );
      if (says) {
        assert.is.not(code, 0, said);
        const [sentence = '', ...rest] = sentencesIn(said);
        assert.match(sentence, says, said);
        assert.ok(rest.length <= 1, `more than a sentence and what to do: ${said}`);
        return;
      }
      assert.is(code, 0, said);
      assert.match(said, /Released in \d/);
      writeFileSync(join(bed, 'last.log'), said);
    } finally {
      await run('node_modules/.bin/node packages/sandbox/scripts/reset.ts --yes > /dev/null 2>&1 || true');
      rmSync(dirname(folder), { recursive: true, force: true });
    }
  });
}

test.run();
