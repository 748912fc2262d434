// All that escrow:inspect loads once it is at work.
export { formatEther, formatGwei } from 'viem';
export { isPayable } from '../abi.ts';
export { openSession } from '../session.ts';
export { nextFor } from './next.ts';
export { inspect } from './read.ts';
export { inspectionJson, printInspection } from './show.ts';
