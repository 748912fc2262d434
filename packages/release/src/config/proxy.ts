import { z } from 'zod';

export const proxySchema = z.strictObject({
  socket: z.string().default('PROXY_SOCKET').describe("Variable with the path of its runtime API's socket."),
  stateFile: z
    .string()
    .default('PROXY_STATE_FILE')
    .describe('Variable with the path of the file from which it knows its servers when it starts again.'),
  backend: z
    .string()
    .default('app')
    .describe('The backend with servers `blue`, `blue-2`, `blue-3` … and as many `green`.'),
  bind: z
    .string()
    .optional()
    .describe('Where it listens, as HAProxy takes it: `:443 ssl crt /etc/haproxy/certs/`.')
    .meta({
      byItself: "the environment's address where that is one of this machine, else 127.0.0.1:8080",
      examples: [':443 ssl crt /etc/haproxy/certs/'],
    }),
});
