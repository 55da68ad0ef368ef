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
    const now = document.querySelector(".rd-running") !== null;
    if (now && !running) follow = true;
    if (now) seen = Date.now();
    if (follow && Date.now() - seen < 1500) window.scrollTo(0, page.scrollHeight);
    running = now;
  }).observe(document.body, { childList: true, subtree: true, characterData: true });
}
