export { compareInventories, type Difference, hashInventory, isAbout, outermost } from './compare.ts';
export { digestsOf, isAccess } from './digest.ts';
export { type Inventory, type Item, readInventory, readNamed } from './read.ts';
export { notOfExtension, OURS } from './scope.ts';
