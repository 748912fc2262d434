#!/usr/bin/env node
// Loaded first: it says where nothing can begin, and half of a start is compiling.
import '../../../scripts/first.cjs';

const { drydock } = await import('../src/drydock.ts');
await drydock(process.argv.slice(2));
