export { type CutStatement, calledFunctions, cutStatements } from './cut.ts';
export { codeInside, commits, type InnerCode } from './inside.ts';
export type { SqlNode } from './node.ts';
export { compileForShortRuns } from './quick.ts';
export { leavesDatabase, namesReaching, type Reach, reachesOut, reachOf, TOUCHED_SERVER } from './reaching.ts';
export { queryReadOnly, type ReadOnlyOptions, readQueries, runReadQueries } from './read-only.ts';
export { mayChangeReading, readsBackslashes, tokensIn, withoutValues } from './reading.ts';
