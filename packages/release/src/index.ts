export { readCheckout } from './checkout.ts';
export { keepTested } from './ci/recorded.ts';
