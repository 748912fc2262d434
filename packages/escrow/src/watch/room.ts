// All that escrow:watch loads once it is at work.
export { openSession } from '../session.ts';
export { watch } from './loop.ts';
