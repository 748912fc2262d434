// Plain JavaScript without dependencies: first.cjs asks it before a task has begun, where packages may be those of an older checkout.

/**
 * The package that a module below `root` wanted in vain, by Node's own words: not there, or so old that it lacks what is imported of it.
 * Undefined for every other error, and for a module of ours that is not there.
 */
export function lackingPackage(error, root) {
  if (!(error instanceof Error)) return undefined;
  const { code, message, stack = '' } = error;
  if (code === 'ERR_MODULE_NOT_FOUND' || code === 'ERR_PACKAGE_PATH_NOT_EXPORTED') {
    const [, importer = ''] = / imported from (.+)$/m.exec(message) ?? [];
    if (!isOurs(importer.replace(/^file:\/\//, ''), root)) return undefined;
    const [, name] = /^Cannot find package '([^']+)'/.exec(message) ?? [];
    return name ?? inModules(message);
  }
  // The words of V8, which names the importer in the stack alone.
  const [, requested] = /^The requested module '([^'.][^']*)' (?:does not provide|is a CommonJS)/.exec(message) ?? [];
  const isSyntax = error instanceof SyntaxError && requested !== undefined && !requested.startsWith('node:');
  return isSyntax && isOurs(decodeURI(stack.replace(/^file:\/\//, '')), root) ? requested : undefined;
}

function isOurs(path, root) {
  return path.startsWith(`${root}/`) && !path.slice(root.length).split(/[\n:]/, 1)[0].includes('/node_modules/');
}

/** `…/node_modules/@acme/shop/dist/x.js` → `@acme/shop` */
function inModules(message) {
  const [path = ''] = message.split(' imported from ');
  return /.*\/node_modules\/((?:@[^/']+\/)?[^/']+)/.exec(path)?.[1];
}
