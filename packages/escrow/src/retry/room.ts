// All that escrow:retry loads once it is at work: viem and pg are not needed to show its flags.
export { createDeed } from '../deeds/create.ts';
export { createActor } from '../send/actor.ts';
export { openSending, openSession } from '../session.ts';
export { adopt, verifyAdopted } from './adopt.ts';
export { planRetry } from './plan.ts';
