import { exec, libpqEnv, requireTool, type Secret } from '@drydock/kit';

/** The structure of a database as pg_dump writes it, without what differs between two databases of the same structure. */
export async function schemaText(url: Secret): Promise<string> {
  const args = [
    '--schema-only',
    '--no-owner',
    '--no-privileges',
    '--no-comments',
    '--exclude-schema=drydock',
    '--exclude-table=_prisma_migrations',
  ];
  const { stdout } = await exec(requireTool('pg_dump'), args, { env: libpqEnv(url, process.env.PATH) });
  // Lines that begin with a backslash hold a random key; settings and comments are the dump's own.
  return stdout
    .split('\n')
    .filter((line) => line.trim() !== '' && !/^(\\|--|SET |SELECT pg_catalog\.set_config)/.test(line))
    .join('\n');
}
