// All that escrow:check-config loads once it is at work.
export { loadAbi } from '../abi.ts';
export { openSession } from '../session.ts';
export { checkAbis } from './abi.ts';
export { askContracts } from './chain.ts';
export { requiredOf } from './required.ts';
