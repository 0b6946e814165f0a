// Keeps what is being written: a save on its way is waited for before the page goes on, unsaved text is not
// left behind unasked, and a save that failed says so. Without this file the form works by its buttons.

const form = document.querySelector("form[data-writing]");
const status = document.getElementById("save-status");
let dirty = false;
let leaving = false;
let onTheWay = 0;
let wanted = null;

function isSave(event) {
  return event.target instanceof Element && event.target.id === "autosave";
}

function say(words, trouble) {
  status.textContent = words;
  status.classList.toggle("trouble", trouble);
}

if (form) {
  form.addEventListener("input", () => {
    dirty = true;
    if (!status.classList.contains("trouble")) say("Not saved yet", false);
  });

  form.addEventListener("submit", (event) => {
    if (onTheWay > 0) {
      event.preventDefault();
      wanted = event.submitter;
      return;
    }
    leaving = true;
  });

  document.addEventListener("htmx:before:request", (event) => {
    if (!isSave(event)) return;
    // The form itself is on its way: a save beside it would take the number that it carries.
    if (leaving) {
      event.preventDefault();
      return;
    }
    onTheWay += 1;
    dirty = false;
  });

  document.addEventListener("htmx:error", (event) => {
    if (!isSave(event)) return;
    dirty = true;
    say("Not saved: no connection. Your text is still on this page; it is tried again when you type on.", true);
  });

  document.addEventListener("htmx:after:request", (event) => {
    if (!isSave(event)) return;
    const answer = event.detail.ctx.response;
    const failed = !answer || answer.status >= 400;
    dirty = dirty || failed;
    status.classList.toggle("trouble", failed);
  });

  document.addEventListener("htmx:finally:request", (event) => {
    if (!isSave(event)) return;
    onTheWay = Math.max(0, onTheWay - 1);
    if (onTheWay === 0 && wanted !== null) {
      const by = wanted;
      wanted = null;
      // After the swap, so that the form carries the number of the save that just ended.
      setTimeout(() => form.requestSubmit(by), 50);
    }
  });

  // The last words before the window goes: the request outlives the page, nobody hears its answer.
  window.addEventListener("pagehide", () => {
    const address = document.getElementById("autosave")?.getAttribute("hx-post");
    if (!dirty || leaving || !address) return;
    fetch(address, { method: "POST", body: new URLSearchParams(new FormData(form)), keepalive: true });
  });

  window.addEventListener("beforeunload", (event) => {
    if (dirty && !leaving) event.preventDefault();
  });

  // Words typed before what saves listens were heard by nobody, or only here.
  const hear = () => {
    const at = document.activeElement;
    const typed = form.contains(at) && "defaultValue" in at && at.value !== at.defaultValue;
    if ((dirty || typed) && onTheWay === 0) {
      (typed ? at : form).dispatchEvent(new Event("input", { bubbles: true }));
    }
  };
  document.addEventListener("htmx:after:init", (event) => {
    if (isSave(event)) hear();
  });
  if (document.getElementById("autosave")?.hasAttribute("data-htmx-powered")) hear();
}

const first = document.querySelector("[data-focus]");
if (first) first.focus();
