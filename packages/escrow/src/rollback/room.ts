// All that escrow:rollback loads once it is at work.
export { findRollback, rollbackDeed } from '../deeds/rollback.ts';
export { rehearseRollback } from '../fork/rehearse.ts';
export { readJob } from '../jobs/read.ts';
export { createActor } from '../send/actor.ts';
export { openSending, openSession } from '../session.ts';
export { amountsOf, clearFlags } from './flags.ts';
export { planRollback, requireReason, simulateRollback } from './plan.ts';
export { propose } from './propose.ts';
