// One tooltip for everything that carries `data-tip`, on hover and on keyboard focus. Escape hides it.

import { element } from './element.js';

const DELAY_MS = 250;

export function startTooltips() {
  const tip = element('div', { class: 'tooltip', id: 'tooltip', role: 'tooltip', hidden: true });
  document.body.append(tip);
  let timer = null;
  let shownFor = null;

  const hide = () => {
    clearTimeout(timer);
    tip.hidden = true;
    shownFor?.removeAttribute('aria-describedby');
    shownFor = null;
  };
  const show = (target) => {
    if (!target.isConnected || !target.dataset.tip) return;
    shownFor = target;
    tip.textContent = target.dataset.tip;
    tip.hidden = false;
    target.setAttribute('aria-describedby', 'tooltip');
    place(tip, target.getBoundingClientRect());
  };
  const soon = (event) => {
    const target = event.target.closest?.('[data-tip]');
    if (target === shownFor) return;
    hide();
    if (target) timer = setTimeout(show, event.type === 'focusin' ? 0 : DELAY_MS, target);
  };
  document.addEventListener('pointerover', soon);
  document.addEventListener('focusin', (event) => event.target.matches(':focus-visible') && soon(event));
  document.addEventListener('focusout', hide);
  document.addEventListener('scroll', hide, { capture: true, passive: true });
  document.addEventListener('keydown', (event) => event.key === 'Escape' && hide());
}

function place(tip, target) {
  const { width, height } = tip.getBoundingClientRect();
  const left = Math.min(Math.max(8, target.left + target.width / 2 - width / 2), window.innerWidth - width - 8);
  const above = target.top - height - 6;
  tip.style.left = `${left}px`;
  tip.style.top = `${above >= 8 ? above : target.bottom + 6}px`;
}
