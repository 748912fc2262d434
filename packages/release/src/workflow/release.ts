import { join, relative } from 'node:path';
import {
  type EnvName,
  environmentSettings,
  folderInRepository,
  type LoadedConfig,
  type PrintedFile,
  posixLine,
  posixWord,
  setUpLine,
  taskWords,
} from '@drydock/kit';
import { Document } from 'yaml';

/** What somebody can ask of the workflow, and the task that does it. */
const DEEDS = {
  release: 'release',
  rollback: 'release:rollback',
  continue: 'release:continue',
  abort: 'release:abort',
  settle: 'release:settle',
} as const;

export interface Place {
  config: LoadedConfig;
  /** In the order of promotion. */
  stages: EnvName[];
  /** What the toolkit would not find by itself. */
  configFile: string | undefined;
  runner: string;
}

const LONGEST_MINUTES = 120;
const COMMENT = ` A job for each environment, in the order of promotion. Each environment of GitHub has the variables of its own as one secret, the text of
 a dotenv file, and those of the environments before it (OPS_DATABASE_URL alone will do there: did it pass?); and reviewers where
 somebody must agree: its job then waits. Which run is open, and what was decided, lies in the environment's database: "Re-run failed
 jobs" goes on where a killed runner stopped, and so does anybody's laptop.`;

/** The workflow that releases, one job a stage, and does by hand what a release may wait for. */
export function releaseWorkflow({ config, stages, configFile, runner }: Place): PrintedFile {
  const workflow = {
    name: 'Release',
    'run-name': `\${{ inputs.what }} \${{ inputs.environment }}: \${{ inputs.reason }}`,
    on: {
      workflow_dispatch: {
        inputs: {
          environment: {
            description: 'How far a release goes; for all else, where it is done',
            type: 'choice',
            options: stages,
            default: stages.at(-1),
            required: true,
          },
          what: {
            description:
              'rollback goes to what was live before; continue and abort decide about a release that waits; settle ends the version before',
            type: 'choice',
            options: Object.keys(DEEDS),
            default: 'release',
            required: true,
          },
          reason: { description: 'Why: kept in the audit log', type: 'string', required: true },
        },
      },
    },
    // One at a time, whatever it is, and none ended for a later one.
    concurrency: { group: 'release', 'cancel-in-progress': false },
    // Was CI green for this commit?
    permissions: { contents: 'read', checks: 'read', statuses: 'read' },
    jobs: Object.fromEntries(
      stages.map((env, i) => [jobName(env), jobOf(env, { config, configFile, runner, stages, at: i })]),
    ),
  };
  const document = new Document(workflow, { aliasDuplicateObjects: false });
  document.commentBefore = COMMENT;
  return { path: '.github/workflows/release.yml', lines: document.toString({ lineWidth: 0 }).split('\n') };
}

function jobOf(env: EnvName, { config, configFile, runner, stages, at }: Place & { at: number }) {
  const before = stages[at - 1];
  const folder = folderInRepository(config);
  const later = stages.slice(at).map((stage) => `inputs.environment == '${stage}'`);
  const here = `inputs.environment == '${env}'`;
  const released = before
    ? `(${later.join(' || ')}) && needs.${jobName(before)}.result == 'success'`
    : `(${later.join(' || ')})`;
  const wanted = `inputs.what == 'release' && ${released} || inputs.what != 'release' && ${here}`;
  const files = stages.slice(0, at + 1).map((stage) => ({
    file: join(config.envDirs.at(-1) ?? '.', `.env.${stage}.local`),
    secret: `ENV_${stage.toUpperCase().replaceAll(/[^A-Z0-9]+/g, '_')}`,
  }));
  return {
    name: env,
    // One before it that failed or was cancelled ends a release here; what else is done waits for none of them.
    ...(before ? { needs: jobName(before), if: `!cancelled() && (${wanted})` } : { if: wanted }),
    'runs-on': runner,
    environment: env,
    'timeout-minutes': LONGEST_MINUTES,
    ...(folder ? { defaults: { run: { 'working-directory': folder } } } : {}),
    steps: [
      // Whether it contains the newest of its base branch is asked of the whole history.
      { uses: 'actions/checkout@v4', with: { 'fetch-depth': 0 } },
      { uses: 'actions/setup-node@v4', with: { 'node-version': 24 } },
      { name: 'Set the machine up', run: setUpLine(config) },
      {
        name: 'Variables',
        env: Object.fromEntries(files.map(({ secret }) => [secret, `\${{ secrets.${secret} }}`])),
        run: [
          'umask 077',
          `echo '.env*.local' >> ${posixWord(folder ? join(relative(folder, '.'), '.git/info/exclude') : '.git/info/exclude')}`,
          ...files.map(({ file, secret }) => `printf '%s\\n' "$${secret}" > ${posixWord(file)}`),
        ].join('\n'),
      },
      ...Object.entries(DEEDS).map(([deed, task]) => ({
        name: deed,
        if: `inputs.what == '${deed}'`,
        env: { GH_TOKEN: `\${{ github.token }}`, REASON: `\${{ inputs.reason }}` },
        run: line(task, { config, env, configFile, only: before !== undefined }),
      })),
      // A runner of one's own keeps its folder.
      { name: 'Forget the variables', if: 'always()', run: posixLine(['rm', '-f', ...files.map(({ file }) => file)]) },
    ],
  };
}

/** Asked for again after its runner was killed, a release goes on; asked for anew, one that is open is told of, and is not this one. */
const AGAIN = `\${{ github.run_attempt > 1 && '--resume any' || '' }}`;

function line(
  task: string,
  {
    config,
    env,
    configFile,
    only,
  }: { config: LoadedConfig; env: EnvName; configFile: string | undefined; only: boolean },
): string {
  const release = task === 'release';
  const flags = [
    ...['--env', env],
    ...(configFile ? ['--config', configFile] : []),
    ...(release && only ? ['--only'] : []),
    '--yes',
    ...(environmentSettings(config, env).guard === 'confirm' ? ['--confirm', env] : []),
  ];
  const words = taskWords(task, flags, { quiet: true });
  return `${posixLine(words)} --reason "$REASON"${release ? ` ${AGAIN}` : ''}`;
}

/** Of GitHub: letters, digits, - and _. */
function jobName(env: EnvName): string {
  return env.replaceAll(/[^\w-]+/g, '-');
}
