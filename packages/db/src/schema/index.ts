// For whoever only wants to know where a product's schema is and what it says: nothing heavy.
export { describeSchema } from './describe.ts';
export { locate, placesOf } from './locate.ts';
