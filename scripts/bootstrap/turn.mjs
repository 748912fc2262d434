// biome-ignore lint/style/noRestrictedImports: nothing of it has to outlive a crash, and there are no packages yet.
import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ROOT, SetupError, say } from './setup.mjs';

const FILE = join(ROOT, 'node_modules', '.drydock-bootstrap.lock');
const LOOK_MS = 200;
/** Longer than any installation takes. */
const PATIENCE_MS = 20 * 60_000;

/** One at a time sets a checkout up: two installations into one folder break each other. The others wait, and find everything in place. */
export function inTurn(work) {
  const mine = takeTurn();
  try {
    return work();
  } finally {
    if (read(FILE) === mine) rmSync(FILE, { force: true });
  }
}

function takeTurn() {
  mkdirSync(dirname(FILE), { recursive: true });
  const mine = `${process.pid} ${Date.now()}`;
  const deadline = Date.now() + PATIENCE_MS;
  for (let told = false; Date.now() < deadline; ) {
    if (isMade(mine)) return mine;
    const theirs = read(FILE);
    if (theirs === undefined) continue;
    const pid = Number(theirs.split(' ')[0]);
    if (!isAlive(pid)) {
      clearAway(theirs);
      continue;
    }
    if (!told) say(`Process ${pid} is setting this checkout up; waiting for it.`);
    told = true;
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, LOOK_MS);
  }
  throw new SetupError(`Another process has been setting this checkout up for too long; if none is: rm ${FILE}`);
}

/** Whole or not at all: nobody reads half a file. */
function isMade(mine) {
  const part = `${FILE}.${process.pid}`;
  writeFileSync(part, mine);
  try {
    linkSync(part, FILE);
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  } finally {
    rmSync(part, { force: true });
  }
}

/** Of one who died. Another may have taken it over meanwhile: theirs is put back. */
function clearAway(dead) {
  const aside = `${FILE}.${process.pid}.dead`;
  try {
    renameSync(FILE, aside);
    if (read(aside) !== dead) linkSync(aside, FILE);
  } catch (error) {
    if (error.code !== 'ENOENT' && error.code !== 'EEXIST') throw error;
  } finally {
    rmSync(aside, { force: true });
  }
}

function read(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  }
}

function isAlive(pid) {
  try {
    return pid > 0 && process.kill(pid, 0);
  } catch (error) {
    return error.code === 'EPERM';
  }
}
