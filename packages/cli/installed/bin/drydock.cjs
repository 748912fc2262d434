#!/usr/bin/env node
// `drydock` where a product has it installed. However old its Node is, it can read this file; where that Node is too old for the
// toolkit, the task runs in the one that the toolkit names, fetched once by npm.
const { spawn } = require('child_process');
const { pinnedNode } = require('./pinned-node.cjs');

/** From here on Node strips the types of a config by itself. */
const OLDEST = { 22: 18, 23: 6 };

const running = process.versions.node.split('.').map(Number);
const isEnough = running[0] > 23 || running[1] >= OLDEST[running[0]];

if (isEnough) require('./here.cjs');
else goOnIn(pinnedNode);

/** Ends as it ends: the same signals in, the same exit code or signal out. */
function goOnIn(find) {
  let node;
  try {
    node = find();
  } catch (error) {
    return refuse(error.message);
  }
  const child = spawn(node, [__filename].concat(process.argv.slice(2)), { stdio: 'inherit' });
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'];
  for (const signal of signals)
    process.on(signal, () => {
      // A terminal sends its own to both; the task decides when to end.
      const both = process.stdin.isTTY && (signal === 'SIGINT' || signal === 'SIGQUIT');
      if (!both) child.kill(signal);
    });
  child.on('error', (error) => refuse(`${node} cannot be started here: ${error.message}.`));
  child.on('exit', (code, signal) => {
    if (signal === null) process.exit(code);
    for (const name of signals) process.removeAllListeners(name);
    process.kill(process.pid, signal);
  });
}

function refuse(reason) {
  process.stderr.write(
    `✖ Drydock needs Node 22.18 or later, and this is ${process.versions.node}. ${reason}\n  Install Node 24, and run it again.\n`
  );
  process.exitCode = 2;
}
