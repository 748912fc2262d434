export { type CutStatement, calledFunctions, cutStatements } from './cut.ts';
export type { SqlNode } from './node.ts';
export { compileForShortRuns } from './quick.ts';
export { reachesOut } from './reaching.ts';
export { queryReadOnly, type ReadOnlyOptions, readQueries, runReadQueries } from './read-only.ts';
export { mayChangeReading, readsBackslashes, tokensIn } from './reading.ts';
