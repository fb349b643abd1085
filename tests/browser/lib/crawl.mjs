// Finds one address for each type of page by following links from a home page, so that a new page
// is looked at without being registered by address.

const FETCHES_MAX = 500;
const TYPE = /<body[^>]*\bdata-page="([^"]+)"/;
const LINK = /<a\b[^>]*\bhref="([^"#]+)/g;

/**
 * Returns a map from page type to address. Follows only links of the same site, and links of a form
 * not yet met before more of a known form (`/dataset/1` and `/dataset/2` have one form), so a
 * thousand listings do not hide the one page behind them. Ends when all of `wanted` are found and
 * every form was tried, or after 500 pages.
 */
export async function crawl(home, wanted, headers = {}) {
  const found = new Map();
  const known = new Set([home]);
  const queue = [home];
  const tried = new Map();
  const times = (url) => tried.get(form(url)) ?? 0;
  for (let fetches = 0; queue.length > 0 && fetches < FETCHES_MAX; fetches += 1) {
    let best = 0;
    queue.forEach((url, at) => { if (times(url) < times(queue[best])) best = at; });
    const [url] = queue.splice(best, 1);
    if (times(url) >= 2 && wanted.every((type) => found.has(type))) break;
    tried.set(form(url), times(url) + 1);
    const page = await readPage(url, headers);
    if (!page) continue;
    if (page.type && !found.has(page.type)) found.set(page.type, url);
    for (const link of page.links) {
      if (!known.has(link)) {
        known.add(link);
        queue.push(link);
      }
    }
  }
  return found;
}

async function readPage(url, headers) {
  const answer = await fetch(url, { headers, redirect: 'follow', signal: AbortSignal.timeout(60_000) });
  // A page that is handed out as a file is no page of the site.
  const file = answer.headers.get('content-disposition')?.startsWith('attachment');
  if (file || !answer.headers.get('content-type')?.startsWith('text/html')) {
    await answer.body?.cancel();
    return null;
  }
  const html = await answer.text();
  if (answer.status >= 400) throw new Error(`a link leads to ${answer.status}: ${url}`);
  const type = TYPE.exec(html)?.[1];
  if (!type) throw new Error(`a page does not say its type (<body data-page="…">): ${url}`);
  const links = [...html.matchAll(LINK)]
    .map(([, href]) => new URL(href.replaceAll('&amp;', '&'), answer.url))
    .filter((link) => link.origin === new URL(url).origin)
    .map((link) => link.href);
  return { type, links };
}

/** An address with everything that varies taken out: numbers, hashes, ids, and values of a query. */
export function form(address) {
  const url = new URL(address);
  const path = url.pathname.replaceAll(/\/[^/]*(?:\d|[^/]{24})[^/]*/g, '/*');
  return `${path}?${[...url.searchParams.keys()].sort().join('&')}`;
}
