import type { Client } from 'pg';
import { EXIT, OpsError } from '../errors.ts';
import { findTool, type ToolName, toolVersion } from '../process/tools.mjs';

/** pg_dump refuses a server of a later major version (PostgreSQL manual, pg_dump, "Notes"). Undefined where it does not. */
export async function oldPgDump(client: Client): Promise<OpsError | undefined> {
  const { rows } = await client.query<{ version: string }>(`SELECT current_setting('server_version') AS version`);
  return isPgDumpOld(rows[0]?.version ?? '');
}

/** The same where the version of the server is known. */
export function isPgDumpOld(server: string): OpsError | undefined {
  const path = findTool('pg_dump');
  const version = path && toolVersion(path);
  if (!version || Number.parseInt(version, 10) >= Number.parseInt(server, 10)) return undefined;
  return pgDumpTooOld('pg_dump', version, server, EXIT.usage);
}

const MISMATCH = /server version: ([\d.]+).*?; pg_dump(?:all)? version: ([\d.]+)/s;

/** What a program itself says of it; undefined where it failed otherwise. */
export function saysTooOld(tool: ToolName, said: string): OpsError | undefined {
  const [, server, version] = MISMATCH.exec(said) ?? [];
  return server && version ? pgDumpTooOld(tool, version, server) : undefined;
}

function pgDumpTooOld(tool: ToolName, version: string, server: string, exit: number = EXIT.failed): OpsError {
  const [major] = server.split('.');
  return new OpsError({
    code: 'PG_DUMP_TOO_OLD',
    message: `${tool} ${version} cannot read a server of version ${server}.`,
    hint: `Install postgresql-client-${major}, and name its programs in PG_DUMP_PATH, PG_DUMPALL_PATH and PG_RESTORE_PATH if they are not found.`,
    exit,
  });
}
