// The service's time. Ages are reckoned by it, because this machine's clock may be wrong, and a simulated cluster's
// runs fast.

let offset = null;

/** Learns from a time that the service named; `exact` when it was that moment's own, not one that lies back. */
export function sighted(at, exact = false) {
  const named = Date.parse(at);
  if (Number.isNaN(named)) return;
  const candidate = named - performance.now();
  if (exact || offset === null || candidate > offset) offset = candidate;
}

/** The service's time at present, in milliseconds since 1970. */
export function serverNow() {
  return offset === null ? Date.now() : performance.now() + offset;
}
