export { compareInventories, type Difference, hashInventory, isAbout, outermost } from './compare.ts';
export { type Inventory, type Item, readInventory, readNamed } from './read.ts';
