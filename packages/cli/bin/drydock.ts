#!/usr/bin/env node
// Loaded first: half of a start is compiling.
import '../../../scripts/compile-cache.mjs';

const { drydock } = await import('../src/drydock.ts');
await drydock(process.argv.slice(2));
