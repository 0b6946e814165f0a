"""Pages as they are used without a mouse: which control has the keyboard, and whether it shows."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Frame, Page

MOST_STOPS = 250
# What a person can do something with, in the order of the page; of a group of radio buttons one is a stop.
_CONTROLS = """() => {
  const groups = new Set();
  const there = [...document.querySelectorAll(
    'a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex="0"]')];
  window.controls = there.filter(each => {
    if (each.disabled || each.tabIndex < 0) return false;
    if (!(each.labels?.[0] ?? each).getClientRects().length) return false;
    if (each.type !== 'radio') return true;
    const chosen = document.querySelector(`input[name="${each.name}"]:checked`);
    const group = `${each.form?.action} ${each.name}`;
    if (groups.has(group) || (chosen && chosen !== each)) return false;
    return groups.add(group);
  });
  return window.controls.map(each => each.outerHTML.slice(0, 100));
}"""
# Where the keyboard is: the number of the control, and what keeps a person from seeing that it is there.
_HERE = """() => {
  const here = document.activeElement;
  if (!here || here === document.body) return {at: -1, amiss: ''};
  const shown = here.matches('.usa-checkbox__input, .usa-radio__input') ? here.labels[0] : here;
  const styles = [getComputedStyle(here), getComputedStyle(shown, '::before')];
  const ringed = styles.some(each => each.outlineStyle !== 'none' && parseFloat(each.outlineWidth) > 0);
  const box = shown.getBoundingClientRect();
  const x = Math.min(Math.max(box.left + Math.min(box.width / 2, 12), 1), innerWidth - 1);
  const y = Math.min(Math.max(box.top + Math.min(box.height / 2, 12), 1), innerHeight - 1);
  const inside = box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth;
  const top = document.elementFromPoint(x, y);
  const free = top && (shown.contains(top) || top.contains(shown) || here.contains(top));
  const amiss = !ringed ? 'no ring' : !inside ? 'outside of the window' : !free ? 'covered' : '';
  return {at: window.controls.indexOf(here), amiss, what: here.outerHTML.slice(0, 100)};
}"""
_FROM_THE_TOP = """() => {
  document.body.tabIndex = -1;
  document.body.focus();
  document.body.removeAttribute('tabindex');
  scrollTo(0, 0);
}"""
_NAME = """() => {
  const here = document.activeElement;
  const said = here.getAttribute('aria-label') ?? here.labels?.[0]?.innerText ?? here.innerText ?? '';
  return said.trim().replace(/\\s+/g, ' ');
}"""


def walk(page: Page) -> tuple[list[str], list[str]]:
    """Press Tab from the top of the page to its end. Answers the controls that were passed over, out of their
    order or not visibly held, in words, and all controls of the page."""
    controls: list[str] = page.evaluate(_CONTROLS)
    page.evaluate(_FROM_THE_TOP)
    amiss: list[str] = []
    passed: list[int] = []
    for _ in range(MOST_STOPS):
        page.keyboard.press("Tab")
        here: dict[str, Any] = page.evaluate(_HERE)
        if here["at"] == -1 and "what" not in here:
            break
        if passed and here["at"] == passed[-1]:
            continue  # a field for a date has a stop for each of its parts
        if passed and here["at"] == 0:
            break
        passed.append(here["at"])
        if here["amiss"]:
            amiss.append(f"{here['amiss']}: {here['what']}")
    else:
        amiss.append(f"no way out after {MOST_STOPS} stops")
    amiss += [f"no stop: {what}" for number, what in enumerate(controls) if number not in passed]
    if passed != sorted(passed):
        amiss.append(f"out of order: {passed}")
    return amiss, controls


def to(page: Page, frame: Frame | Page, name: str, *, exact: bool = True) -> None:
    """Press Tab until the control of this name has the keyboard; a list or a box may lie before it."""
    seen = []
    for _ in range(MOST_STOPS):
        page.keyboard.press("Tab")
        seen.append(frame.evaluate(_NAME))
        if seen[-1] == name if exact else name in seen[-1]:
            return
    raise AssertionError(f"{name!r} has no stop: {list(dict.fromkeys(seen))}")
