export { compareInventories, type Difference, hashInventory, isAbout, outermost } from './compare.ts';
export { differingThings, digestsOf, isAccess, thingsOf } from './digest.ts';
export { type Inventory, type Item, namedIn, readInventory, readNamed } from './read.ts';
export { madeByItself, notOfExtension, OURS } from './scope.ts';
