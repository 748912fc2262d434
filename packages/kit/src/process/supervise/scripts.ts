import { posixWord } from '../../shell-word.ts';

/** A program that is started again when it ends, whoever ended it, until it is asked to stay down. */
export interface ServiceSpec {
  /** Names its folder. */
  name: string;
  cwd: string;
  /** Program, found on the PATH of `env`, and arguments. */
  command: readonly string[];
  /** The whole environment of the program. It is kept in a file of its owner alone. */
  env: Readonly<Record<string, string>>;
  /** Folder of its log, which svlogd turns over. */
  logs: string;
  /** What its program has begun may take so long to end by itself. */
  graceMs: number;
}

/** Variable by which a process and all that it begins is known for a service's, wherever it goes. */
export const MARK = 'DRYDOCK_SERVICE';
/** One that runs so long has started well: the next end is no sign that it cannot. */
const STEADY_SECONDS = 60;
const LONGEST_WAIT_SECONDS = 30;
/** A name that a shell hands on. */
const SHELL_NAME = /^[A-Za-z_]\w*$/;

/** The files of a service (runsv(8)), by their names in its folder. They need nothing but runit: the toolkit may be gone. */
export function serviceFiles(folder: string, spec: ServiceSpec, chpst: string, svlogd: string): Record<string, string> {
  const all = Object.entries({ ...spec.env, [MARK]: folder });
  const odd = all.filter(([name]) => !SHELL_NAME.test(name));
  return {
    run: `#!/bin/sh
exec 2>&1
# What was left of it holds its port.
./sweep 5
date +%s > began
echo $$ > group
. ./environment
cd ${posixWord(spec.cwd)} || exit 111
exec ${posixWord(chpst)} -P${odd.length > 0 ? ` -e ${posixWord(`${folder}/odd`)}` : ''} ${spec.command.map(posixWord).join(' ')}
`,
    // Its group ends with it, and then whatever bears its mark.
    finish: `#!/bin/sh
exec 2>&1
echo "$1 $2" > ended
read -r group < group && kill -TERM -- "-$group" 2> /dev/null
./sweep ${Math.ceil(spec.graceMs / 1_000)}
[ -e down ] && exit 0
before=$(cat restarts 2> /dev/null); echo $((\${before:-0} + 1)) > restarts
read -r began < began; quick=$(cat quick 2> /dev/null)
[ $(($(date +%s) - \${began:-0})) -ge ${STEADY_SECONDS} ] && quick=0
quick=$((\${quick:-0} + 1)); echo "$quick" > quick
wait=0; [ "$quick" -gt 1 ] && wait=1; n=2
while [ "$n" -lt "$quick" ] && [ "$wait" -lt ${LONGEST_WAIT_SECONDS} ]; do wait=$((wait * 2)); n=$((n + 1)); done
[ "$wait" -gt ${LONGEST_WAIT_SECONDS} ] && wait=${LONGEST_WAIT_SECONDS}
how="with exit code $1"; [ "$1" = -1 ] && how="by signal $2"
echo "drydock: ended $how; it is started again in $wait s"
exec sleep "$wait"
`,
    // Its environ tells a process (proc(5)); where there is none, the group alone is known.
    sweep: `#!/bin/sh
left() { grep -lzsxF ${posixWord(`${MARK}=${folder}`)} /proc/[0-9]*/environ 2> /dev/null | cut -d/ -f3; }
pids=$(left); [ -z "$pids" ] && exit 0
kill -TERM $pids 2> /dev/null
n=0
while [ "$n" -lt $(($1 * 10)) ]; do pids=$(left); [ -z "$pids" ] && exit 0; sleep 0.1; n=$((n + 1)); done
kill -KILL $pids 2> /dev/null
`,
    'log/run': `#!/bin/sh
exec ${posixWord(svlogd)} -tt -b 65536 -l 60000 ${posixWord(spec.logs)}
`,
    environment: all
      .filter(([name]) => SHELL_NAME.test(name))
      .map(([name, value]) => `export ${name}=${posixWord(value)}\n`)
      .join(''),
    // chpst(8), -e: a file for each, in which NUL stands for the end of a line.
    ...Object.fromEntries(odd.map(([name, value]) => [`odd/${name}`, value.replaceAll('\n', '\0')])),
  };
}
