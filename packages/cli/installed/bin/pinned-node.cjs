// The Node that the toolkit names (runtime.json). No dependency of the package: npm would put its `node` in front of the product's own.
const { spawnSync } = require('child_process');
const fs = require('fs');
const os = require('os');
const path = require('path');
const builds = require('../runtime.json');

const LONGEST_MS = 10 * 60 * 1000;

exports.pinnedNode = () => {
  const place = `${process.platform}-${process.arch}`;
  const build = builds[place];
  if (!build) throw new Error(`There is no Node to fetch for ${place}.`);
  // With the package itself; where that may not be written, with the user.
  const folders = [
    path.dirname(__dirname),
    path.join(process.env.XDG_CACHE_HOME || path.join(os.homedir(), '.cache'), 'drydock')
  ].map((folder) => path.join(folder, 'runtime', `node-${build.version}`));
  const nodeIn = (folder) => path.join(folder, 'node_modules', build.name, 'bin', 'node');
  const isThere = (folder) => fs.existsSync(nodeIn(folder));
  const folder = folders.find(isThere) || folders.find(isWritable);
  if (!folder)
    throw new Error(`${folders.join(' and ')} cannot be written, so that Node ${build.version} cannot be kept.`);
  if (!isThere(folder)) fetchInto(folder, build);
  return nodeIn(folder);
};

function isWritable(folder) {
  try {
    fs.mkdirSync(path.dirname(folder), { recursive: true });
    fs.accessSync(path.dirname(folder), fs.constants.W_OK);
    return true;
  } catch (_) {
    return false;
  }
}

/** By npm, as the lockfile that was packed wants it to be, byte by byte. Whole, or not at all: another may be at it as well. */
function fetchInto(folder, build) {
  process.stderr.write(
    `Drydock runs on Node ${build.version}; this is ${process.versions.node}. It is fetched once, for Drydock alone.\n`
  );
  const draft = `${folder}.${process.pid}`;
  fs.mkdirSync(draft);
  try {
    const manifest = { name: 'drydock-runtime', version: '0.0.0', private: true };
    manifest.dependencies = { [build.name]: build.version };
    const packages = { '': manifest };
    packages[`node_modules/${build.name}`] = { version: build.version, integrity: build.integrity };
    const lock = { name: manifest.name, version: manifest.version, lockfileVersion: 3, requires: true, packages };
    fs.writeFileSync(path.join(draft, 'package.json'), JSON.stringify(manifest));
    fs.writeFileSync(path.join(draft, 'package-lock.json'), JSON.stringify(lock));
    const args = ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error', '--prefix', draft];
    const npm = spawnSync('npm', args, {
      cwd: draft,
      encoding: 'utf8',
      timeout: LONGEST_MS,
      stdio: ['ignore', 'pipe', 'pipe']
    });
    if (npm.status !== 0) throw new Error(`npm could not fetch Node ${build.version}: ${saidOf(npm)}`);
    if (!fs.existsSync(folder)) fs.renameSync(draft, folder);
  } catch (error) {
    if (!fs.existsSync(folder)) throw error;
  } finally {
    if (fs.rmSync) fs.rmSync(draft, { recursive: true, force: true });
  }
}

function saidOf(npm) {
  if (npm.error) return npm.error.message;
  const lines = `${npm.stderr}\n${npm.stdout}`.split('\n').filter((line) => /npm (error|ERR!)/i.test(line));
  const first = lines.map((line) => line.replace(/^npm (error|ERR!) ?(code )?/i, '').trim()).filter(Boolean);
  return first.slice(0, 2).join(': ') || `it ended with ${npm.status}`;
}
