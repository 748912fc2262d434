// yarn comes here, of whatever version (.yarnrc.yml, yarnPath): the packages are those of pnpm's lockfile, and a script is run as npm runs it.
const { spawn } = require('node:child_process');
const { delimiter, join } = require('node:path');
const { scripts } = require('../package.json');

const ROOT = join(__dirname, '..');
const words = process.argv.slice(2);
const [name = 'install', ...args] = words[0] === 'run' ? words.slice(1) : words;
const script = name === 'install' ? 'prepare-machine' : name;

if (!Object.hasOwn(scripts, script)) {
  process.stderr.write(
    `There is no script ${script} here, and the packages are pnpm's.\n  npx pnpm ${words.join(' ')}\n`,
  );
  process.exit(2);
}
const child = spawn('/bin/sh', ['-c', `${scripts[script]} "$@"`, script, ...args], {
  cwd: ROOT,
  stdio: 'inherit',
  env: { ...process.env, PATH: join(ROOT, 'node_modules', '.bin') + delimiter + (process.env.PATH || '') },
});
// A terminal sends Ctrl-C to both; the script decides when to end.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'])
  process.on(signal, () => {
    if (signal !== 'SIGINT') child.kill(signal);
  });
child.on('exit', (code, signal) => {
  process.exitCode = code === null ? (signal === 'SIGINT' ? 130 : 143) : code;
});
