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
 * What the proxy does with a request: `pass` on, answer with an HTTP status, `hang`, or `result` or `error`: the answer itself.
 * `ask` passes on another request in its place, `edit` changes the answer. `after` sees a request that was passed on
 * before its answer goes back.
 */
export type Answer =
  | 'pass'
  | 'hang'
  | { status: number }
  | { result: unknown }
  | { error: { code: number; message: string } }
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
      response.writeHead(what.status, { 'content-type': 'text/plain' }).end('no');
      return;
    }
    response.setHeader('content-type', 'application/json');
    if (typeof what === 'object' && ('result' in what || 'error' in what)) {
      response.end(JSON.stringify({ jsonrpc: '2.0', id: request.id, ...what }));
      return;
    }
    const { ask = undefined, edit = undefined } = typeof what === 'object' && !('status' in what) ? what : {};
    await state.before(request);
    const passed = await fetch(target, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: ask ? JSON.stringify({ ...request, params: ask }) : body,
    });
    const result = await passed.text();
    await state.after(request);
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
