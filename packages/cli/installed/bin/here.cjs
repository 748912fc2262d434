// A file of its own: an old Node cannot even read `import()`.
const { enableCompileCache } = require('module');
const path = require('path');

// Half of a start is compiling. Nothing is kept where the folder cannot be written.
enableCompileCache(path.join(path.dirname(__dirname), '.cache'));

void import('../packages/cli/src/drydock.js').then((door) => door.drydock(process.argv.slice(2)));
