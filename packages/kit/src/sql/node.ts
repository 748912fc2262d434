import type { Node as AnyNode } from 'libpg-query';

type Kinds<T> = T extends unknown ? keyof T : never;
/** A node of PostgreSQL's syntax tree: an object with one key, its kind. */
export type SqlNode = { [K in Kinds<AnyNode>]?: Extract<AnyNode, { [key in K]: unknown }>[K] };
