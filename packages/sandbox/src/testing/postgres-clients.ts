import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cacheRoot } from './root.ts';

/** Environment of a task that is to use these programs: `PG_DUMP_PATH` and the like. */
export type Clients = Record<'PG_DUMP_PATH' | 'PG_DUMPALL_PATH' | 'PG_RESTORE_PATH', string>;

const TOOLS = ['pg_dump', 'pg_dumpall', 'pg_restore'] as const;
/** The first Debian that has it; npm has no package of these programs. */
const DEBIAN = { 18: 'forky' } as const;
const FETCH_TIMEOUT_MS = 120_000;
const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';
/** What the programs of a newer Debian need beside what this machine has. */
const LIBRARIES = ['libpq5', 'libc6', 'libldap2', 'libsasl2-2', 'libssl3t64'];

/**
 * pg_dump and pg_restore of a newer major version than the machine's own: those that are installed, or those of a newer
 * Debian, unpacked into a folder of their own with the C library that they want. Nothing is installed. Undefined where
 * neither is to be had (no Debian, no network).
 */
export function clientsOf(major: 18): Clients | undefined {
  const installed = `/usr/lib/postgresql/${major}/bin`;
  if (existsSync(join(installed, 'pg_dump'))) return pathsIn(installed);
  const folder = join(cacheRoot(), `drydock-postgres-clients-${major}-${process.getuid?.() ?? 0}`);
  const ready = join(folder, 'wrapped');
  if (existsSync(ready)) return pathsIn(ready);
  const building = `${folder}.${process.pid}`;
  mkdirSync(building, { recursive: true });
  try {
    unpack(major, building);
    wrap(major, building, folder);
    renameSync(building, folder);
    return pathsIn(ready);
  } catch {
    rmSync(building, { recursive: true, force: true });
    // Another test was faster, or it is not to be had.
    return existsSync(ready) ? pathsIn(ready) : undefined;
  }
}

function pathsIn(folder: string): Clients {
  const path = (tool: (typeof TOOLS)[number]) => join(folder, tool);
  return { PG_DUMP_PATH: path('pg_dump'), PG_DUMPALL_PATH: path('pg_dumpall'), PG_RESTORE_PATH: path('pg_restore') };
}

/** By apt-get with lists of its own, from where the machine gets its Debian. */
function unpack(major: 18, folder: string): void {
  const apt = (args: string[], config = '/dev/null') =>
    execFileSync('apt-get', args, {
      cwd: folder,
      env: { PATH: process.env.PATH, APT_CONFIG: config },
      stdio: 'pipe',
      timeout: FETCH_TIMEOUT_MS,
    });
  const targets = apt(['indextargets', '--format', '$(ORIGIN) $(CODENAME) $(REPO_URI)', 'Created-By: Packages']);
  // Without "-security", "-updates".
  const uri = /^Debian \w+ (\S+)$/m.exec(targets.toString())?.[1];
  const signed = existsSync(KEYRING) ? `[signed-by=${KEYRING}] ` : '';
  mkdirSync(join(folder, 'lists/partial'), { recursive: true });
  mkdirSync(join(folder, 'cache/archives/partial'), { recursive: true });
  writeFileSync(join(folder, 'sources.list'), `deb ${signed}${uri} ${DEBIAN[major]} main\n`);
  const config = join(folder, 'apt.conf');
  writeFileSync(
    config,
    `Dir::State "${folder}"; Dir::State::lists "${folder}/lists"; Dir::State::status "/var/lib/dpkg/status"; Dir::Cache "${folder}/cache";
     Dir::Etc::sourcelist "${folder}/sources.list"; Dir::Etc::sourceparts "-"; Acquire::Languages "none"; APT::Sandbox::User "root"; Acquire::Retries "1";`,
  );
  apt(['update'], config);
  apt(['download', `postgresql-client-${major}`, ...LIBRARIES], config);
  for (const file of readdirSync(folder).filter((name) => name.endsWith('.deb')))
    execFileSync('dpkg-deb', ['-x', join(folder, file), join(folder, 'root')], { stdio: 'pipe' });
  rmSync(join(folder, 'lists'), { recursive: true });
}

/** Their own loader finds their own libraries first, and pg_dumpall the pg_dump beside it. `final` is where the folder will lie. */
function wrap(major: 18, folder: string, final: string): void {
  mkdirSync(join(folder, 'wrapped'));
  const [triplet = ''] = readdirSync(join(folder, 'root/usr/lib')).filter((name) => name.endsWith('-linux-gnu'));
  const own = join(final, 'root/usr/lib', triplet);
  const [loader = ''] = readdirSync(join(folder, 'root/usr/lib', triplet)).filter((name) =>
    name.startsWith('ld-linux'),
  );
  for (const tool of TOOLS) {
    const line = `exec ${join(own, loader)} --argv0 "$0" --library-path ${own}:/lib/${triplet}:/usr/lib/${triplet} ${final}/root/usr/lib/postgresql/${major}/bin/${tool} "$@"`;
    const script = join(folder, 'wrapped', tool);
    writeFileSync(script, `#!/bin/sh\n${line}\n`);
    chmodSync(script, 0o755);
    // Here, where it lies for now.
    execFileSync('sh', ['-c', `${line.replaceAll(final, folder).replace('"$@"', '--version')}`], { stdio: 'pipe' });
  }
}
