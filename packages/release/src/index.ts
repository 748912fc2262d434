export { readCheckout } from './checkout.ts';
export { keepTested } from './ci/recorded.ts';
export { servingCommit } from './running.ts';
export { productOf } from './secrets/product.ts';
