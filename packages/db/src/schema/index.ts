// For whoever only wants to know where a product's schema is and what it says: nothing heavy.

export { locate, placesOf } from '../places.ts';
export { describeSchema } from './describe.ts';
