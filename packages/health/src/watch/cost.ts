/** What was spent lately is what it costs: the start of a process is not. */
const LATELY_MS = 30_000;

/** A meter of the share of a core that this process uses, over the last half minute. */
export function costMeter(): () => number {
  const now = () => {
    const { user, system } = process.cpuUsage();
    return { at: performance.now(), spent: (user + system) / 1_000 };
  };
  const marks = [now()];
  return () => {
    const mark = now();
    marks.push(mark);
    while ((marks[1]?.at ?? mark.at) <= mark.at - LATELY_MS) marks.shift();
    const [first = mark] = marks;
    return mark.at > first.at ? (mark.spent - first.spent) / (mark.at - first.at) : 0;
  };
}
