import { createHash } from 'node:crypto';
import { accessSync, constants, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

// What the parts of the bootstrap share: plain JavaScript, no dependency, Node 18 or later.

export const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const STAMP = join(ROOT, 'node_modules', '.drydock-bootstrap.json');

/** One sentence, and what to do about it. Nothing was started (exit 2). */
export class SetupError extends Error {}
export const say = (text) => process.stderr.write(`${text}\n`);

export function hash(files) {
  const total = createHash('sha256').update(`${process.platform} ${process.arch}`);
  for (const file of files) total.update(file).update(readFileSync(join(ROOT, file)));
  return total.digest('hex');
}

export function manifests() {
  return readdirSync(join(ROOT, 'packages'))
    .map((name) => join('packages', name, 'package.json'))
    .filter((file) => existsSync(join(ROOT, file)));
}

export function readStamp() {
  return existsSync(STAMP) ? JSON.parse(readFileSync(STAMP, 'utf8')) : {};
}

export function writeStamp(part) {
  mkdirSync(dirname(STAMP), { recursive: true });
  writeFileSync(STAMP, JSON.stringify({ ...readStamp(), ...part }));
}

/** Of this process, with the Node of the lockfile first, a home to keep caches in and a folder for temporary files. */
export function environment() {
  return { ...process.env, ...home(), PATH: `${join(ROOT, 'node_modules', '.bin')}:${process.env.PATH ?? ''}` };
}

/** npm and pnpm keep their caches in the home; who has none of their own gets one in the checkout. */
function home() {
  const folder = homeOrNone();
  if (folder !== undefined && isWritable(folder)) return {};
  const own = join(ROOT, 'node_modules', '.home');
  mkdirSync(own, { recursive: true, mode: 0o700 });
  return { HOME: own };
}

function homeOrNone() {
  try {
    return homedir();
  } catch {
    // A user id without an entry in /etc/passwd, and no HOME.
    return undefined;
  }
}

/** Before anything is fetched: where it would be put, and what is put aside meanwhile. */
export function refuseUnwritable() {
  if (!isWritable(ROOT))
    throw new SetupError(
      `${ROOT} cannot be written by you (${whyNot(ROOT)}), and its packages have to be installed there. Clone it to a folder of your own: git clone ${ROOT}`,
    );
  if (!isWritable(tmpdir()))
    throw new SetupError(
      `The folder for temporary files, ${tmpdir()}, cannot be used (${whyNot(tmpdir())}). Make it, or set TMPDIR to another one.`,
    );
}

function isWritable(folder) {
  return whyNot(folder) === undefined;
}

function whyNot(folder) {
  try {
    accessSync(folder, constants.W_OK | constants.X_OK);
    return undefined;
  } catch (error) {
    return error.code;
  }
}
