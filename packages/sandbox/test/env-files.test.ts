import { parseEnv } from '@drydock/kit';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { inQuotes } from '../src/provision/env-files.ts';

const test = suite('env files of the sandbox');

for (const path of [
  "/it's/$HOME",
  `/a "b" $HOME \${USER}`,
  `/it's a "shop" #1 100%41 $HOME; \u00DC`,
  '/plain',
  "/'`$X",
  '/\\$X',
])
  test(`a folder ${path} is read back as it is`, () => {
    assert.is(parseEnv(`HOME=/elsewhere\nX=y\nUSER=u\nPLACE=${inQuotes('PLACE', path)}\n`).PLACE, path);
  });

test.run();
