// All that escrow:reconcile loads once it is at work.
export { openSession } from '../session.ts';
export { trust } from '../trust.ts';
export { fixJobs } from './fix.ts';
export { compareAll, leftFinding, look, SHOWN } from './look.ts';
