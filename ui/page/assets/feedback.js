// Buttons of ui.page.feedback: shown where the server says that a run may be spoken of, marked with what was said.
const blocks = document.querySelector("#rd-transcript") || document.body;
const parts = (button) => {
  const at = button.name.indexOf(" ");
  return [button.name.slice(0, at), button.name.slice(at + 1)];
};
const set = (node, name, value) => { if (node.getAttribute(name) !== value) node.setAttribute(name, value); };
const mark = () => {
  const said = props.said || {};
  for (const button of blocks.querySelectorAll(".rd-say")) {
    const [run, key] = parts(button);
    const known = said[run];
    const row = button.closest(".rd-ask");
    row.classList.toggle("rd-ready", known !== undefined);
    if (known === undefined) continue;
    const told = known[key];
    set(button, "aria-pressed", String(button.value ? told === button.value : told !== undefined));
    const line = row.querySelector(".rd-said");
    const text = told === undefined ? "" : `The right one: ${told}`;
    if (line && line.textContent !== text) line.textContent = text;
  }
};
document.addEventListener("click", (event) => {
  const button = event.target.closest?.(".rd-say");
  if (!button) return;
  const [run, key] = parts(button);
  if (button.value) {
    trigger("say", { run, key, value: button.value });
  } else {
    for (const other of blocks.querySelectorAll(".rd-say[aria-expanded]")) other.removeAttribute("aria-expanded");
    button.setAttribute("aria-expanded", "true");
    trigger("teach", { run, key });
  }
});
let waiting = false;
new MutationObserver(() => {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => { waiting = false; mark(); });
}).observe(blocks, { childList: true, subtree: true });
watch("said", mark);
mark();
