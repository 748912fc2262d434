#!/usr/bin/env node
import { dirname } from 'node:path';
import {
  defineReadTask,
  exec,
  findTool,
  flag,
  haproxyConfig,
  main,
  makeFolder,
  writeDurably,
  writeProxyFiles,
} from '@drydock/kit';

const task = defineReadTask({
  name: 'release:proxy',
  summary: 'Prints the haproxy.cfg that a release needs in front of the product, or writes it with all that it names.',
  description:
    'A server for each instance of both slots, a check of readiness, the state that outlives a restart, and maintenance. TLS: give\n' +
    'release.proxy.bind as HAProxy takes it, such as ":443 ssl crt /etc/haproxy/certs/". --write also makes the page and the map of\n' +
    'maintenance beside the state file, without which HAProxy does not start, and has HAProxy check the whole; start or reload it yourself.',
  examples: [
    'npm run -s release:proxy -- --env production',
    'npm run release:proxy -- --env production --write /etc/haproxy/haproxy.cfg && systemctl reload haproxy',
  ],
  flags: { write: flag.text({ value: 'FILE', about: 'write it there, and what it names' }) },
  writesDocument: ({ write }) => !write,
  async run({ config, environment, env, flags, signal }) {
    const { maintenancePage, wantedProxy } = await import('../src/proxy/wanted.ts');
    const { takeUp } = await import('../src/proxy/take-up.ts');
    const settings = wantedProxy(config, environment);
    const text = haproxyConfig(settings);
    const page = maintenancePage(config);
    const data = { file: flags.write ?? null, text };
    if (!flags.write) return { verdict: `HAProxy in front of ${env}; nothing was changed.`, data, document: text };
    const file = config.path(flags.write);
    makeFolder(dirname(file));
    writeProxyFiles(settings, page === undefined ? {} : { page });
    writeDurably(file, text, 0o644);
    const haproxy = findTool('haproxy');
    if (haproxy) await exec(haproxy, ['-c', '-q', '-f', file], { signal });
    return {
      verdict: `${file} is what HAProxy needs in front of ${env}${haproxy ? ', and HAProxy takes it' : ''}.`,
      data,
      findings: haproxy
        ? []
        : [
            {
              level: 'warn',
              code: 'NOT_CHECKED',
              message: 'HAProxy is not installed here: nobody has checked the file.',
              hint: `haproxy -c -f ${file}`,
            },
          ],
      next: takeUp(file),
    };
  },
});

export default task;
await main(task, import.meta);
