// Asks how the sign-in in the other window went, and signs as soon as it is done: the person pressed "Sign"
// before. Without this file the button of the page does it.

const form = document.getElementById("waiting");
const status = document.getElementById("waiting-status");
const EVERY = 1500;

async function ask() {
  let state;
  try {
    const answer = await fetch(form.dataset.ask, { headers: { Accept: "application/json" } });
    if (!answer.ok) return location.reload();
    state = (await answer.json()).state;
  } catch {
    status.textContent = "The connection is interrupted. Trying again.";
    return setTimeout(ask, EVERY);
  }
  if (state === "done") return sign();
  if (state !== "asked" && state !== form.dataset.state) return location.reload();
  status.textContent = "Waiting for the sign-in at the EHR.";
  return setTimeout(ask, EVERY);
}

function sign() {
  status.textContent = "Signing.";
  form.requestSubmit();
}

if (form) {
  if (form.dataset.state === "done") sign();
  else setTimeout(ask, EVERY);
}
