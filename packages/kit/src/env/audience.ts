import type { ResolvedConfig } from '../config/schema.ts';

/** Who a variable is for. */
export type Audience = 'product' | 'operator' | 'build';

/**
 * Tells of a variable whose it is: what its declaration says, or else `operator` for those that the config names for
 * what operators alone do (the owner of the schema, opening and signing backups, keys of the escrow's admin, the proxy).
 */
export function audienceOf(config: Pick<ResolvedConfig, 'variables' | 'database' | 'backups' | 'escrow' | 'release'>) {
  const { database, backups, escrow, release } = config;
  const keystores = Object.values(escrow.key).flatMap((key) =>
    key.kind === 'keystore' ? [key.file, key.password] : [],
  );
  const operators = new Set([
    database.url,
    database.readUrl,
    backups.identity,
    backups.signingKey,
    ...(release ? [release.proxy.socket, release.proxy.stateFile] : []),
    ...keystores,
  ]);
  // Where both are one, the product cannot do without it.
  operators.delete(database.appUrl);
  return (name: string): Audience => config.variables[name]?.for ?? (operators.has(name) ? 'operator' : 'product');
}
