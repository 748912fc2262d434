// Loaded into the product by record.ts (node --import): a full collection every three seconds.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
setInterval(runInNewContext('gc'), 3_000).unref();
