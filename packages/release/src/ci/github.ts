import { type Environment, exec, findTool, OpsError, toOpsError } from '@drydock/kit';
import { z } from 'zod';
import type { Verdict } from './types.ts';

export interface Repository {
  host: string;
  /** `owner/name` */
  name: string;
}

const PER_PAGE = 100;
const WITHIN_MS = 30_000;

const run = z.object({
  name: z.string(),
  status: z.string(),
  conclusion: z.string().nullable(),
  html_url: z.string().nullish(),
  details_url: z.string().nullish(),
});
const status = z.object({ context: z.string(), state: z.string(), target_url: z.string().nullish() });
const runsPage = z.object({ check_runs: z.array(run) });
const statusPage = z.object({ statuses: z.array(status) });

/** A check run or a commit status: GitHub has both, and each knows nothing of the other. */
interface Check {
  name: string;
  state: 'green' | 'red' | 'pending' | 'skipped';
  link: string | undefined;
}

/**
 * Whether everything that GitHub ran for a commit passed. The combined status is not asked: where there are check runs alone, it is pending
 * for ever. Nothing at all, or nothing but skipped, is not green; nor is a check of `wanted` that is not there. The workflow run that we
 * are ourselves (GITHUB_RUN_ID) is left out: it ends after us.
 */
export async function askGithub(
  repository: Repository,
  commit: string,
  { wanted, environment, signal }: { wanted: readonly string[]; environment: Environment; signal: AbortSignal },
): Promise<Verdict> {
  const at = `repos/${repository.name}/commits/${commit}`;
  const get = (path: string) => api(repository, ['GET', path], { environment, signal });
  const self = environment.get('GITHUB_RUN_ID');
  let checks: Check[];
  try {
    const [runs, statuses] = await Promise.all([
      everyPage(
        async (page) => runsPage.parse(await get(`${at}/check-runs?per_page=${PER_PAGE}&page=${page}`)).check_runs,
      ),
      everyPage(async (page) => statusPage.parse(await get(`${at}/status?per_page=${PER_PAGE}&page=${page}`)).statuses),
    ]);
    checks = [...runs.filter(({ details_url }) => !isSelf(details_url, self)).map(ofRun), ...statuses.map(ofStatus)];
  } catch (thrown) {
    signal.throwIfAborted();
    const { message } = toOpsError(thrown);
    const unpushed = /HTTP 422|No commit found/i.test(message);
    return {
      state: 'unknown',
      says: unpushed ? `GitHub does not know ${commit.slice(0, 10)}: it is not pushed` : message,
    };
  }
  return judge(checks, wanted);
}

function judge(checks: Check[], wanted: readonly string[]): Verdict {
  const link = (state: Check['state']) => checks.find((check) => check.state === state)?.link;
  const names = (state: Check['state']) => checks.filter((check) => check.state === state).map(({ name }) => name);
  const [red, pending, green] = [names('red'), names('pending'), names('green')];
  if (red.length > 0) return { state: 'red', says: `on GitHub failed: ${red.join(', ')}`, link: link('red') };
  if (pending.length > 0)
    return { state: 'pending', says: `on GitHub not ended yet: ${pending.join(', ')}`, link: link('pending') };
  const absent = wanted.filter((name) => !green.includes(name));
  if (absent.length > 0) return { state: 'none', says: `on GitHub did not run: ${absent.join(', ')}` };
  if (green.length === 0)
    return { state: 'none', says: `GitHub has run nothing for it${checks.length > 0 ? ' (skipped)' : ''}` };
  const many = green.length === 1 ? '1 check' : `${green.length} checks`;
  return { state: 'green', says: `${many} of GitHub passed`, link: link('green') };
}

function ofRun({ name, status: is, conclusion, html_url }: z.output<typeof run>): Check {
  const link = html_url ?? undefined;
  if (is !== 'completed') return { name, state: 'pending', link };
  if (conclusion === 'success') return { name, state: 'green', link };
  return { name, state: conclusion === 'neutral' || conclusion === 'skipped' ? 'skipped' : 'red', link };
}

function ofStatus({ context, state, target_url }: z.output<typeof status>): Check {
  const is = state === 'success' ? 'green' : state === 'pending' ? 'pending' : 'red';
  return { name: context, state: is, link: target_url ?? undefined };
}

function isSelf(url: string | null | undefined, self: string | undefined): boolean {
  return self !== undefined && Boolean(url?.includes(`/actions/runs/${self}/`));
}

async function everyPage<T>(get: (page: number) => Promise<T[]>): Promise<T[]> {
  const all: T[] = [];
  for (let page = 1; ; page++) {
    const found = await get(page);
    all.push(...found);
    if (found.length < PER_PAGE) return all;
  }
}

/** One request by GitHub's own program, which knows the operator's login. */
export async function api(
  { host }: Repository,
  [method, path]: [method: 'GET' | 'POST', path: string],
  { environment, signal, body }: { environment: Environment; signal: AbortSignal; body?: object },
): Promise<unknown> {
  const gh = findTool('gh');
  if (!gh)
    throw new OpsError({ code: 'TOOL_MISSING', message: 'gh, with which GitHub is asked, is not installed', exit: 2 });
  const args = [
    'api',
    path,
    ...(host === 'github.com' ? [] : ['--hostname', host]),
    ...(body ? ['--method', method, '--input', '-'] : []),
  ];
  const { stdout, stderr, code } = await exec(gh, args, {
    env: { ...environment.forChild('operator'), GH_PROMPT_DISABLED: '1', NO_COLOR: '1' },
    okCodes: [1, 2, 4],
    signal: AbortSignal.any([signal, AbortSignal.timeout(WITHIN_MS)]),
    ...(body ? { input: JSON.stringify(body) } : {}),
  });
  if (code === 0) return JSON.parse(stdout);
  const said = /^gh: .*$/m.exec(stderr)?.[0].slice(4) ?? stderr.trim().split('\n')[0] ?? '';
  throw new OpsError({
    code: 'GITHUB_REFUSES',
    message: code === 4 ? 'gh is not logged in to GitHub (gh auth login)' : `GitHub could not be asked: ${said}`,
  });
}

/** `git@github.com:acme/shop.git`, `https://github.com/acme/shop`; undefined for what is elsewhere. */
export function repositoryOf(written: string | undefined, origin: string | undefined): Repository | undefined {
  if (written) {
    const parts = written.split('/');
    return parts.length === 3
      ? { host: parts[0] ?? '', name: parts.slice(1).join('/') }
      : { host: 'github.com', name: written };
  }
  const name = /^(?:[\w+]+:\/\/)?(?:[^@/]+@)?(?:ssh\.)?github\.com(?::\d+)?[/:]([\w.-]+\/[\w.-]+?)(?:\.git)?\/?$/.exec(
    origin ?? '',
  )?.[1];
  return name ? { host: 'github.com', name } : undefined;
}
