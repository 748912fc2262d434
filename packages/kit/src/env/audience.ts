import type { LoadedConfig } from '../config/load.ts';

/** Who a variable is for. */
export type Audience = 'product' | 'operator' | 'build';

/**
 * Tells of a variable whose it is: what its declaration says, or else `operator` for those that a section names for what
 * operators alone do (the owner of the schema, opening and signing backups, keys of the escrow's admin, the proxy).
 */
export function audienceOf({ variables, operators }: Pick<LoadedConfig, 'variables' | 'operators'>) {
  return (name: string): Audience => variables[name]?.for ?? (operators.has(name) ? 'operator' : 'product');
}
