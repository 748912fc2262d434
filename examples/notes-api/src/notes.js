/** What a request may make a note of, or undefined where it is none. */
export function readNote(text) {
  let written;
  try {
    written = JSON.parse(text);
  } catch {
    return undefined;
  }
  const { title, body = '', pinned = false, tags = [] } = written ?? {};
  if (typeof title !== 'string' || title.trim() === '') return undefined;
  if (typeof body !== 'string' || typeof pinned !== 'boolean' || !Array.isArray(tags)) return undefined;
  if (tags.some((tag) => typeof tag !== 'string')) return undefined;
  return { title: title.trim(), body, pinned, tags };
}
