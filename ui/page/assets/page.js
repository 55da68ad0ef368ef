() => {
  // Follow the text while an answer is written, unless the reader has scrolled up.
  const page = document.documentElement;
  if (window.matchMedia("(hover: hover) and (min-width: 700px)").matches) {
    // Not where it would bring up a keyboard over the page.
    const focus = (left) => {
      const box = document.querySelector("#rd-question textarea");
      if (box?.disabled && left > 0) setTimeout(focus, 100, left - 1); // the page is still arriving
      else box?.focus({ preventScroll: true });
    };
    focus(100);
  }
  // What a reader folds in a tree stays so when the tree grows and is drawn anew.
  const folded = new Map();
  const tree = (node) => node.closest?.(".rd-tree") && node.id;
  document.addEventListener("toggle", ({ target }) => { if (tree(target)) folded.set(target.id, !target.open); }, true);
  const keepFolds = () => {
    for (const node of document.querySelectorAll(".rd-tree details[id]")) {
      if (folded.has(node.id) && node.open === folded.get(node.id)) node.open = !folded.get(node.id);
    }
  };
  let follow = true;
  let running = false;
  let seen = 0; // when a run was last under way: what it wrote last is typeset a moment later
  const atEnd = () => window.innerHeight + window.scrollY >= page.scrollHeight - 80;
  window.addEventListener("wheel", () => { follow = atEnd(); }, { passive: true });
  window.addEventListener("touchmove", () => { follow = atEnd(); }, { passive: true });
  window.addEventListener("keyup", (event) => {
    if (["PageUp", "PageDown", "Home", "End", "ArrowUp", "ArrowDown"].includes(event.key)) follow = atEnd();
  });
  new MutationObserver(() => {
    keepFolds();
    const now = document.querySelector(".rd-running") !== null;
    if (now && !running) follow = true;
    if (now) seen = Date.now();
    if (follow && Date.now() - seen < 1500) window.scrollTo(0, page.scrollHeight);
    running = now;
  }).observe(document.body, { childList: true, subtree: true, characterData: true });
}
