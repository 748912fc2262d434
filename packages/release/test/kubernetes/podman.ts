import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { findTool } from '@drydock/kit';
import { testRoot } from '@drydock/sandbox/testing';

/** Podman with a store of its own. */
export interface Podman {
  (...args: string[]): string;
  root: string;
}

/** Why no pod can be run here; undefined where one can. */
export function noPods(): string | undefined {
  if (process.platform !== 'linux') return 'podman runs on Linux alone';
  if (process.getuid?.() !== 0) return 'only root may run pods here';
  const missing = (['podman', 'catatonit'] as const).filter((tool) => !findTool(tool));
  return missing.length > 0 ? `${missing.join(' and ')} missing` : undefined;
}

export function startPodman(): Podman {
  const root = testRoot('podman');
  const conf = join(root, 'containers.conf');
  // As many files and processes as root may have is more than a machine may allow.
  writeFileSync(
    conf,
    '[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]\n[engine]\nevents_logger = "file"\ncgroup_manager = "cgroupfs"\n',
  );
  // Sockets lie in it: podman wants a path of 50 characters at most, wherever the tests have their folders.
  const run = mkdtempSync('/tmp/podman-');
  process.once('exit', () => rmSync(run, { recursive: true, force: true }));
  const own = ['--storage-driver=vfs', `--root=${join(root, 'store')}`, `--runroot=${run}`];
  const podman = (...args: string[]) => {
    const env = { ...process.env, CONTAINERS_CONF: conf };
    const { status, stdout, stderr } = spawnSync('podman', [...own, ...args], {
      env,
      encoding: 'utf8',
      timeout: 120_000,
    });
    if (status !== 0) throw new Error(`podman ${args.join(' ')} ended with ${status}: ${stderr}`);
    return stdout.trim();
  };
  return Object.assign(podman, { root });
}

/** An image of the pinned Node, what it is linked with, and one file: no base image can be pulled everywhere. */
export function makeImage(podman: Podman, name: string, source: string): void {
  const files = join(podman.root, 'image');
  const node = realpathSync(process.execPath);
  const libraries = spawnSync('ldd', [node], { encoding: 'utf8' }).stdout.match(/\/\S+/g) ?? [];
  for (const [from, to] of [[node, '/bin/node'], ...libraries.map((path) => [path, path])] as [string, string][]) {
    mkdirSync(dirname(join(files, to)), { recursive: true });
    cpSync(realpathSync(from), join(files, to));
  }
  mkdirSync(join(files, 'app'));
  writeFileSync(join(files, 'app/shop.mjs'), source);
  const archive = join(podman.root, 'image.tar');
  spawnSync('tar', ['-C', files, '-cf', archive, '.']);
  podman('import', '--change', 'CMD ["/bin/node", "/app/shop.mjs"]', archive, name);
}
