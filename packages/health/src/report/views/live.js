// Puts a new page in the place of the old one, every few seconds, unless it is paused or a reader stands in what would be replaced.
const state = document.getElementById('state');
const pause = document.getElementById('pause');
const main = document.getElementById('main');
let paused = false;
pause.addEventListener('click', () => {
  paused = !paused;
  pause.setAttribute('aria-pressed', String(paused));
  state.textContent = paused ? 'Paused.' : 'Live.';
});
async function renew() {
  if (paused || document.hidden || (main !== document.activeElement && main.contains(document.activeElement))) return;
  try {
    const answer = await fetch(location.href, { headers: { accept: 'text/html' } });
    if (!answer.ok) throw new Error(String(answer.status));
    const next = new DOMParser().parseFromString(await answer.text(), 'text/html').getElementById('main');
    const open = [...main.querySelectorAll('details')].map((details) => details.open);
    main.replaceChildren(...next.childNodes);
    for (const [at, details] of [...main.querySelectorAll('details')].entries()) details.open = open[at] ?? false;
    if (state.textContent !== 'Live.') state.textContent = 'Live.';
  } catch {
    state.textContent = 'The console does not answer; what you see is old.';
  }
}
setInterval(renew, 10_000);
