import { createServer, type ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '@drydock/kit';

export interface RpcRequest {
  id: number;
  method: string;
  params: unknown[];
}

/**
 * What the proxy does with a request: `pass` on, answer with an HTTP status (and `text`, or `error` as JSON), `hang`, `reset` the connection
 * in the middle of the answer, say a `body` that is no answer, `cut` the true one in half, or `result` or `error`: the answer itself.
 * `ask` passes on another request in its place, `edit` changes the answer. `after` sees a request that was passed on
 * before its answer goes back.
 */
export type Answer =
  | 'pass'
  | 'hang'
  | 'reset'
  | 'cut'
  | { status: number; text?: string; error?: { code: number; message: string } }
  | { body: string }
  | { result: unknown }
  | { error: unknown }
  | { ask?: unknown[]; edit?: (result: unknown) => unknown };
export type Rule = (request: RpcRequest) => Answer | Promise<Answer>;

/** An RPC between the toolkit and the chain, whose behaviour a test can change at any time. */
export async function startRpcProxy(target: string) {
  const port = await freePort();
  const state = {
    rule: (() => 'pass') as Rule,
    /** Called with each request before it is passed on, and with its answer before that goes back. */
    before: async (_request: RpcRequest): Promise<void> => {},
    after: async (_request: RpcRequest): Promise<void> => {},
    seen: [] as string[],
  };
  const server = createServer((incoming, response) => {
    const handle = async () => {
      const body = await text(incoming);
      const request = JSON.parse(body) as RpcRequest;
      state.seen.push(request.method);
      await answer(request, body, response);
    };
    handle().catch(() => response.destroy());
  });
  async function answer(request: RpcRequest, body: string, response: ServerResponse): Promise<void> {
    const what = await state.rule(request);
    if (what === 'hang') return;
    if (typeof what === 'object' && 'status' in what) {
      const { status, text = 'no', error } = what;
      if (error)
        response
          .writeHead(status, { 'content-type': 'application/json' })
          .end(JSON.stringify({ jsonrpc: '2.0', id: request.id, error }));
      else response.writeHead(status, { 'content-type': 'text/plain' }).end(text);
      return;
    }
    if (typeof what === 'object' && 'body' in what)
      return void response.setHeader('content-type', 'text/html').end(what.body);
    if (what === 'reset') {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': '999' });
      response.write('{"jsonrpc":"2.0","id":1,"res');
      await sleep(5);
      return void response.destroy();
    }
    response.setHeader('content-type', 'application/json');
    if (typeof what === 'object' && ('result' in what || 'error' in what)) {
      response.end(JSON.stringify({ jsonrpc: '2.0', id: request.id, ...what }));
      return;
    }
    const { ask = undefined, edit = undefined } =
      typeof what === 'object' && !('status' in what) && !('body' in what) ? what : {};
    await state.before(request);
    const passed = await fetch(target, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: ask ? JSON.stringify({ ...request, params: ask }) : body,
    });
    const result = await passed.text();
    await state.after(request);
    if (what === 'cut') return void response.end(result.slice(0, result.length / 2));
    response.end(edit ? edited(result, edit) : result);
  }
  await new Promise<void>((done) => server.listen(port, '127.0.0.1', done));
  return Object.assign(state, {
    url: `http://127.0.0.1:${port}`,
    reset() {
      state.rule = () => 'pass';
      state.before = async () => {};
      state.after = async () => {};
      state.seen = [];
    },
    async stop() {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
      await sleep(0);
    },
  });
}

function edited(text: string, edit: (result: unknown) => unknown): string {
  const answer = JSON.parse(text) as { result?: unknown };
  return JSON.stringify('result' in answer ? { ...answer, result: edit(answer.result) } : answer);
}

export type RpcProxy = Awaited<ReturnType<typeof startRpcProxy>>;
