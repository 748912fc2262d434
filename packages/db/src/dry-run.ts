// The door for db:dry-run: what its definition needs, and nothing heavy.
export { refuseUnknownCodes } from './deploy/accept.ts';
export { contentFlags, contentOf } from './rehearsal/content.ts';
export { FORMATS } from './report/formats.ts';
export { fails, listCodes, presentRehearsal } from './report/present.ts';
