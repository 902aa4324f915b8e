// When the service wants to be asked again.

/** However long the service, or what stands before it, says. */
const LONGEST_MS = 300_000;

/** Milliseconds that the header `Retry-After` asks to wait; null without one that makes sense. `now` as Date.now(). */
export function retryAfter(header, now = Date.now()) {
  const text = header?.trim() ?? '';
  if (text === '') return null;
  const wait = /^\d+$/.test(text) ? Number(text) * 1_000 : Date.parse(text) - now;
  return Number.isNaN(wait) ? null : Math.min(LONGEST_MS, Math.max(0, wait));
}

/** Waits; ends early with an AbortError when `signal` says so. */
export function wait(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    const givenUp = () => {
      clearTimeout(timer);
      reject(new DOMException('given up', 'AbortError'));
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', givenUp);
      resolve();
    }, milliseconds);
    if (signal?.aborted) givenUp();
    else signal?.addEventListener('abort', givenUp, { once: true });
  });
}
