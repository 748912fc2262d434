// All that escrow:sweep loads once it is at work.
export { createDeed } from '../deeds/create.ts';
export { adopt, verifyAdopted } from '../retry/adopt.ts';
export { createActor } from '../send/actor.ts';
export { capOf, openSending, openSession } from '../session.ts';
export { planSweep } from './plan.ts';
