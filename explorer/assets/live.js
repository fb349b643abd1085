// Adds each new block to the overview as it comes. The list is whole without it; reload shows the same.

const ROWS_MAX = 10;
const section = document.querySelector('[data-live="blocks"]');
const body = section?.querySelector('tbody');

function cell(label, content, more = '') {
  const td = document.createElement('td');
  td.setAttribute('role', 'cell');
  td.dataset.label = label;
  td.className = more;
  td.append(content);
  return td;
}

function row(block) {
  const link = document.createElement('a');
  link.href = `/block/${block.height}`;
  link.textContent = block.height.toString().replace(/\B(?=(\d{3})+$)/g, '\u202f');
  const time = document.createElement('time');
  time.dateTime = block.time;
  time.textContent = block.time_text;
  const tr = document.createElement('tr');
  tr.setAttribute('role', 'row');
  tr.className = 'fresh';
  tr.append(
    cell('Height', link),
    cell('Time', time),
    cell('Transactions', String(block.transactions), 'num'),
    cell('Refused', String(block.refused), block.refused > 0 ? 'num bad' : 'num'),
  );
  return tr;
}

const RETRY_MS = [1_000, 5_000, 15_000, 60_000];

/** Listens from the newest block that is shown; a browser resumes by itself unless it was turned away. */
function listen(tries = 0) {
  const shown = () => Number(body.querySelector('a')?.getAttribute('href').split('/').pop() ?? 0);
  const live = section.querySelector('.live');
  const source = new EventSource(`/live?after=${shown()}`);
  source.addEventListener('open', () => {
    tries = 0;
    live.textContent = 'live';
    live.hidden = false;
  });
  source.addEventListener('error', () => {
    live.textContent = 'not live, trying again';
    if (source.readyState !== EventSource.CLOSED) return;
    setTimeout(() => listen(tries + 1), RETRY_MS[Math.min(tries, RETRY_MS.length - 1)]);
  });
  source.addEventListener('block', (event) => {
    const block = JSON.parse(event.data);
    if (block.height <= shown()) return;
    body.prepend(row(block));
    while (body.rows.length > ROWS_MAX) body.rows[body.rows.length - 1].remove();
  });
}

if (body) listen();
