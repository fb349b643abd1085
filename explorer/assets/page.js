// Copy buttons beside identifiers. Without this script the whole value is selectable text all the same.

for (const code of document.querySelectorAll('code.id[data-full]')) {
  const button = document.createElement('button');
  button.type = 'button';
  button.className = 'copy';
  button.textContent = 'Copy';
  button.setAttribute('aria-label', `Copy ${code.dataset.full.slice(0, 12)}…`);
  button.addEventListener('click', async () => {
    try {
      await navigator.clipboard.writeText(code.dataset.full);
      button.textContent = 'Copied';
    } catch {
      // No clipboard here: select the value, so that the reader's own keys copy it.
      code.textContent = code.dataset.full;
      getSelection().selectAllChildren(code);
      button.textContent = 'Selected';
    }
    setTimeout(() => { button.textContent = 'Copy'; }, 2000);
  });
  // A button may not stand inside a link.
  const host = code.closest('a') ?? code;
  host.after(button);
}
