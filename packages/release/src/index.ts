export { LOCKFILES } from './artifact/recipe.ts';
export { artifactStore } from './artifact/store.ts';
export { baseBranchOf, readBase, readCheckout, refuseDirty, refuseOutdated } from './checkout.ts';
export { keepTested } from './ci/recorded.ts';
export { releaseConfig } from './config.ts';
export { driverOf } from './driver/driver.ts';
export { freeDisk } from './preflight/tools.ts';
export { servingCommit } from './running.ts';
export { productOf } from './secrets/product.ts';
