export type ToolName =
  | 'openssl'
  | 'setpriv'
  | 'pgbouncer'
  | 'postgres'
  | 'initdb'
  | 'pg_dump'
  | 'pg_dumpall'
  | 'pg_restore'
  | 'psql'
  | 'pgbackrest'
  | 'redis-server'
  | 'haproxy'
  | 'prometheus'
  | 'promtool'
  | 'alertmanager'
  | 'amtool'
  | 'chromium'
  | 'age'
  | 'zstd'
  | 'stdbuf'
  | 'strace'
  | 'git'
  | 'tar'
  | 'brew'
  | 'apt-get'
  | 'sudo'
  | 'npx'
  | 'docker';
/** Path of an executable, or undefined. */
export function findTool(name: ToolName): string | undefined;
/** First version number that the tool prints of itself. */
export function toolVersion(path: string, flag?: string): string | undefined;
