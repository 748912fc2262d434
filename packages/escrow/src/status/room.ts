// All that escrow:status loads once it is at work.
export { incompleteFindings } from '../incomplete.ts';
export { openSession } from '../session.ts';
export { listUnsettled } from './list.ts';
