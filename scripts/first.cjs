// Loaded before everything else (node --require), under any Node, in any folder, with or without packages: what nothing could begin in is said in
// one sentence (exit 2). It also keeps compiled modules from one start to the next, which halves a cold start.
// biome-ignore lint/style/noRestrictedImports: it writes nothing.
const { existsSync } = require('node:fs');
const { join } = require('node:path');

const ROOT = join(__dirname, '..');
/** What the bootstrap itself runs under, and what tasks do: import.meta.main, and types that are stripped. */
const LEAST = { bootstrap: [18, 12], task: [24, 2] };
const PREPARE = 'npm run prepare-machine';
const forBootstrap = /[\\/]bootstrap\.mjs$/.test(process.argv[1] || '');

const problem = folderProblem() || (forBootstrap ? bootstrapProblem() : taskProblem());
if (problem) say(problem);
// What a task could not even be loaded for: after `git pull`, packages may be those of the checkout as it was.
if (!forBootstrap)
  process.on('uncaughtExceptionMonitor', (error) => {
    const { lackingPackage } = require('../packages/kit/src/process/lacking-package.mjs');
    const name = lackingPackage(error, ROOT);
    if (name) say(stale(name));
  });

function say(problem) {
  const asked = process.argv.indexOf('--json') > 0;
  if (asked) process.stdout.write(`${JSON.stringify({ ok: false, error: problem }, null, 2)}\n`);
  process.stderr.write(`${problem.message}\n  ${problem.hint}\n`);
  process.exit(2);
}
// Nothing is kept where the folder cannot be written.
if (!forBootstrap) require('node:module').enableCompileCache(join(ROOT, 'node_modules', '.cache', 'drydock'));

/** Where Node itself finds no module, or runs no TypeScript. */
function folderProblem() {
  const move = 'Move the checkout to a folder with another name.';
  const unusable = (message) => ({ code: 'FOLDER_NOT_USABLE', message, hint: move });
  if (!existsSync(join(ROOT, 'package.json')))
    return unusable('The path of this checkout is not UTF-8, and Node finds no file in it.');
  if (/[\n\r]/.test(ROOT))
    return unusable('The path of this checkout has a new line in it, which no file of settings can hold.');
  if (ROOT.includes('\\'))
    return unusable(`The path of this checkout has a backslash in it, and Node loads no module from there: ${ROOT}`);
  if (ROOT.split('/').includes('node_modules'))
    return unusable(`This checkout lies in a folder node_modules, and there Node runs no TypeScript: ${ROOT}`);
  return undefined;
}

function bootstrapProblem() {
  if (isOld(LEAST.bootstrap))
    return {
      code: 'NODE_TOO_OLD',
      message: `Node ${process.versions.node} is too old.`,
      hint: 'Install Node 18.12 or later.',
    };
  if (ROOT.includes(':'))
    return {
      code: 'FOLDER_NOT_USABLE',
      message: `The path of this checkout has a colon in it, and PATH cannot hold that: ${ROOT}`,
      hint: 'Move the checkout to a folder with another name.',
    };
  return undefined;
}

/** As kit has it for what a task loads later. */
function stale(name) {
  return {
    code: 'PACKAGES_STALE',
    message: `The packages of this checkout are older than it is: ${name} is not there as it is wanted.`,
    hint: PREPARE,
  };
}

function taskProblem() {
  // However they were put there: an image may have no development dependencies.
  if (!existsSync(join(ROOT, 'node_modules', '@drydock', 'kit')))
    return {
      code: 'PACKAGES_MISSING',
      message: 'The packages of this checkout are not installed yet.',
      hint: PREPARE,
    };
  if (isOld(LEAST.task))
    return {
      code: 'NODE_TOO_OLD',
      message: `Node ${process.versions.node} is too old for a task: it wants ${LEAST.task.join('.')} or later.`,
      hint: existsSync(join(ROOT, 'node_modules', '.bin', 'node'))
        ? 'Start it through npm run, which finds the Node of this checkout.'
        : 'Install Node 24, and run it again.',
    };
  return undefined;
}

function isOld(least) {
  const [major, minor] = process.versions.node.split('.').map(Number);
  return major < least[0] || (major === least[0] && minor < least[1]);
}
